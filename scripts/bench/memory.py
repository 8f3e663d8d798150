#!/usr/bin/env python3
"""Stream many short texts through labelloop and watch its resident memory.

    python scripts/bench/memory.py --n 1000000

The input repeats the wiki sentences. Memory must stay under LIMIT_MB and flat: what it peaks at after the first
quarter of the input may exceed what it peaked at before by GROWTH_MB at most.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_MB = 700
GROWTH_MB = 32
INTERVAL = 0.25  # seconds


def feed(pipe, sentences, count):
    """Write count lines to a pipe. Ends early when its reader is gone."""
    with contextlib.suppress(BrokenPipeError), pipe:
        for start in range(0, count, len(sentences)):
            pipe.writelines(sentences[: count - start])


def resident_mb(pid):
    """Return VmRSS in MB, or None when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kib = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kib[0]) * 1024 / 1e6 if kib else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--model", default="minilm-clinc150")
    parser.add_argument("--n", type=int, default=1_000_000, help="texts, some 20,000 or more: they are labelled a thousand at a time")
    args = parser.parse_args()

    path = ROOT / "testdata" / "wiki" / "wiki_sentences.txt"
    sentences = path.read_bytes().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "labels.jsonl"
        command = [args.binary, "label", "--model", args.model, "--format", "txt", "--top-k", "1", "--output", output, "-"]
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE)
        threading.Thread(target=feed, args=(child.stdin, sentences, args.n)).start()
        samples = []  # bytes written so far, MB
        while child.poll() is None:
            if (now := resident_mb(child.pid)) is not None:
                samples.append((output.stat().st_size if output.exists() else 0, now))
            time.sleep(INTERVAL)
        if child.returncode:
            sys.exit(f"memory: labelloop ended with exit status {child.returncode}")
        with open(output, "rb") as file:
            written = sum(1 for _ in file)
            size = file.tell()
    if written != args.n:
        sys.exit(f"memory: {written:,} results for {args.n:,} texts")

    def peak(low, high):
        return max((mb for done, mb in samples if low * size <= done <= high * size), default=0)

    first, rest = peak(0, 0.25), peak(0.25, 1)
    for name, low, high in [("start", 0, 0.02), ("first quarter", 0, 0.25), ("second half", 0.5, 1), ("end", 0.98, 1)]:
        print(f"{name:14} {peak(low, high):6.0f} MB at most")
    print(f"{args.n:,} texts: peak {max(first, rest):.0f} MB (limit {LIMIT_MB}), growth after the first quarter {rest - first:.0f} MB")
    if max(first, rest) > LIMIT_MB or rest - first > GROWTH_MB:
        sys.exit("memory: not flat under the limit")


if __name__ == "__main__":
    main()
