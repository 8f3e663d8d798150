#!/usr/bin/env python3
"""Measure how long one text takes: through `labelloop serve`, and through the graph alone.

    python scripts/bench/latency.py

A client on this machine sends one text after the other over one connection. Beside it stands `labelloop bench --one`: the same
texts through ONNX Runtime on as many threads, with nothing else going on. Both are measured in turn, round by round, and
the medians of the rounds are told, in milliseconds.
"""

import argparse
import contextlib
import http.client
import json
import os
import secrets
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import tokenizers

import bench
import texts

ROUNDS, COUNT = 5, 50  # texts of each length in a round
SERVER, ALONE = "server", "run alone"


@contextlib.contextmanager
def serving(binary, model, threads):
    """Serve a model; gives a function that labels texts and returns, for each, the seconds until all of the answer was there."""
    token = secrets.token_hex(32)
    command = [binary, "serve", "--model", model, "--addr", "127.0.0.1:0", "--threads", threads]
    environment = os.environ | {"LABELLOOP_TOKEN": token}
    server = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    address = urlsplit(server.stdout.readline().strip())
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(text):
        body = json.dumps({"text": text}).encode()
        begin = time.perf_counter()
        line.request("POST", "/label", body, headers)
        answer = line.getresponse()
        record = answer.read()
        seconds = time.perf_counter() - begin
        if answer.status != 200 or "label" not in json.loads(record):
            raise RuntimeError(f"{answer.status} {record.decode()}")
        return seconds

    def label(some):
        line.close()  # which the server did if nothing came for a while; the next request opens it
        send(some[0])
        return [send(text) for text in some]

    try:
        yield label
    finally:
        line.close()
        server.terminate()
        server.wait()


def quantiles(seconds):
    ordered = sorted(seconds)
    return {"p50": 1000 * ordered[len(ordered) // 2], "p99": 1000 * ordered[len(ordered) * 99 // 100]}


def alone(binary, model, threads, path):
    command = [binary, "bench", "--one", "--json", "--rounds", "1", "--model", model, "--threads", threads, path]
    told = json.loads(subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE).stdout)
    return {"p50": 1000 * told["run_p50"], "p99": 1000 * told["run_p99"]}


def measure(binary, model, sets, threads, rounds=ROUNDS):
    """Return {length: {"server": {"p50", "p99"}, "run alone": {...}, "ratio"}} of sets, {length: texts of that many tokens}.

    Times are in milliseconds; ratio is the median over rounds of the p50 through the server, divided by that of the graph alone.
    """
    told = {length: {SERVER: [], ALONE: []} for length in sets}
    with tempfile.TemporaryDirectory() as folder, serving(binary, model, threads) as label:
        for length, some in sets.items():
            texts.write(Path(folder) / f"{length}.jsonl", some)
        for _ in range(rounds):
            for length, some in sets.items():
                told[length][SERVER].append(quantiles(label(some)))
                told[length][ALONE].append(alone(binary, model, threads, Path(folder) / f"{length}.jsonl"))
    result = {}
    for length, found in told.items():
        result[length] = {way: {q: statistics.median(r[q] for r in found[way]) for q in ("p50", "p99")} for way in (SERVER, ALONE)}
        result[length]["ratio"] = statistics.median(a["p50"] / b["p50"] for a, b in zip(found[SERVER], found[ALONE], strict=True))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deps", type=Path, default=bench.ROOT / ".deps")
    parser.add_argument("--binary", type=Path, default=bench.ROOT / "bin" / "labelloop")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    sentences = (bench.ROOT / "testdata/wiki/wiki_sentences.txt").read_text("utf-8").splitlines()
    with tempfile.TemporaryDirectory(dir=args.deps) as folder:
        model = Path(folder) / "minilm-clinc150"
        bench.prepare_model(args.deps / "models" / "minilm-clinc150", model)
        tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_truncation()
        sets = {n: texts.make(tokenizer, sentences, [n] * COUNT, bench.SEED + n) for n in bench.ONE_LENGTH}
        print(json.dumps(measure(args.binary, model, sets, args.threads), indent=1))


if __name__ == "__main__":
    main()
