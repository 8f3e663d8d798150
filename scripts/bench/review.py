#!/usr/bin/env python3
"""Measure the review server on a project of many items.

    python scripts/bench/review.py load
    python scripts/bench/review.py search

The project is made once (see million.py), and both work on a copy of it.

load      20 people make 50 decisions a second together, each with a page that listens for progress, while `labelloop predict`
          labels the same project with another model. Every decision that was acknowledged has to be there once.
search    what people look for, each first cold (a server just started, nothing of the project in the machine's memory),
          then warm.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import million

ROOT = Path(__file__).resolve().parent.parent.parent
PEOPLE, RATE = 20, 50  # decisions a second, together
LEASED = 20
MODEL = "minilm-clinc150"
SEARCHES = {
    "all": {},
    "a word": {"q": "river"},
    "a common word": {"q": "the"},
    "several words": {"q": "the city of"},
    "the beginning of a word": {"q": "sta"},
    "a word, least sure first": {"q": "river", "sort": "confidence"},
    "a word of those not labelled, at random": {"q": "river", "sort": "random", "state": "unlabelled"},
    "a common word, least sure first": {"q": "the", "sort": "confidence"},
    "a common word of those not labelled, least sure first": {"q": "the", "sort": "confidence", "state": "unlabelled"},
    "a common word at random": {"q": "the", "sort": "random"},
    "least sure first": {"sort": "confidence"},
    "not labelled, least sure first": {"sort": "confidence", "state": "unlabelled"},
    "labelled, least sure first": {"sort": "confidence", "state": "labelled"},
    "suggested label": {"predicted": "translate"},
    "suggested label, least sure first": {"predicted": "translate", "sort": "confidence"},
    "suggested label, not labelled, at random": {"predicted": "translate", "state": "unlabelled", "sort": "random"},
    "range of confidence": {"min": "0.5", "max": "0.51"},
    "range of confidence, at random": {"min": "0.5", "max": "0.51", "sort": "random"},
    "label": {"label": "translate"},
    "annotator": {"annotator": "carol"},
    "at random": {"sort": "random"},
    "not labelled, at random": {"sort": "random", "state": "unlabelled"},
    "disputed": {"disputed": "true"},
    "flagged": {"state": "flagged"},
}
PAGES = 3  # of each search that are asked for


class Person:
    """Somebody at a page: one connection, and the cookie of a link."""

    def __init__(self, link):
        self.address = urlsplit(link)
        self.line = self.connect()
        self.line.request("GET", f"/?{self.address.query}")
        answer = self.line.getresponse()
        answer.read()
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]

    def connect(self):
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)

    def ask(self, path, body=None):
        """Return the answer and the seconds until all of it was there."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        begin = time.perf_counter()
        self.line.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        answer = self.line.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - begin
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text.decode()}")
        return json.loads(text), seconds

    def listen(self):
        """Read the events of the server until it ends."""
        line = self.connect()
        line.request("GET", "/api/events", headers={"Cookie": self.cookie})
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = line.getresponse()
            while answer.read1():
                pass


@contextlib.contextmanager
def serving(binary, project, people):
    """Serve a project; gives the people who may label."""
    command = [binary, "review", "--project", project, "--addr", "127.0.0.1:0", "--annotators", ",".join(people), "--json"]
    server = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield [link["url"] for link in json.loads(server.stdout.readline())]
    finally:
        server.terminate()
        if server.wait() != 0:
            sys.exit(f"review: the server ended with exit status {server.returncode}")


def quantiles(seconds):
    """Half, 95 and 99 of a hundred, and all of them are done within so many milliseconds."""
    ordered = sorted(seconds)
    return [1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99, 1)]


def forget(project):
    """Drop a project's pages from the machine's memory."""
    for path in project.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def label(person, name, until, took, acknowledged, failed):
    """Decide on what is in the queue, at one's own pace."""
    due = time.perf_counter() + random.uniform(0, 2 * PEOPLE / RATE)
    try:
        while True:
            for entry in person.ask("/api/lease", {"n": LEASED})[0]["entries"]:
                time.sleep(max(0, due - time.perf_counter()))
                if time.perf_counter() > until:
                    return
                due += random.uniform(0.5, 1.5) * PEOPLE / RATE
                suggestion = entry["suggestion"]["labels"]
                decision = {"key": f"{name}/{entry['item']}", "item": entry["item"], "verdict": "accepted", "labels": suggestion}
                decision |= {"round": entry["round"], "model": entry["model"], "suggestion": suggestion, "took_ms": 400}
                answer, seconds = person.ask("/api/annotate", decision)
                took.append(seconds)
                acknowledged[decision["key"]] = answer["id"]
    except Exception as error:
        failed.append(f"{name}: {error}")


def check(project, acknowledged):
    """Every decision that was acknowledged is there, once, and nothing else."""
    with contextlib.closing(million.open_project(project)) as db:
        kept = db.execute("SELECT key, id FROM annotations WHERE annotator_id IN (SELECT id FROM annotators WHERE name LIKE 'p%')").fetchall()
        twice = db.execute("SELECT count(*) FROM queue WHERE answered > 1").fetchone()[0]
    lost = set(acknowledged.items()) - set(kept)
    if lost or twice or len(kept) != len(acknowledged):
        sys.exit(f"review: of {len(acknowledged)} decisions {len(lost)} are lost, {len(kept)} are kept, {twice} items have more than one")


def load(args, project):
    names = [f"p{i}" for i in range(PEOPLE)]
    million.call(args.binary, "select", "--project", project, "--strategy", "random", "-n", int(args.minutes * 60 * RATE) + 2 * PEOPLE * LEASED)
    predict = [args.binary, "predict", "--project", project, "--model", MODEL]
    took, acknowledged, failed = [], {}, []
    with serving(args.binary, project, names) as links, subprocess.Popen([str(word) for word in predict], stderr=subprocess.DEVNULL) as predicting:
        people = [Person(link) for link in links]
        for person in people:
            threading.Thread(target=person.listen, daemon=True).start()
        time.sleep(args.settle)
        begin = time.perf_counter()
        work = [
            threading.Thread(target=label, args=(person, name, begin + args.minutes * 60, took, acknowledged, failed))
            for person, name in zip(people, names)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        seconds = time.perf_counter() - begin
        if predicting.poll() is not None:
            failed.append(f"predict ended before the people did, with exit status {predicting.returncode}")
        predicting.terminate()
    if failed:
        sys.exit("review: " + "; ".join(failed))
    check(project, acknowledged)
    with contextlib.closing(million.open_project(project)) as db:
        predicted = db.execute("SELECT count(*) FROM predictions WHERE model_id = (SELECT max(id) FROM models)").fetchone()[0]
    print("%d decisions in %.0f s, %d predicted beside; ms: p50 %.1f, p95 %.1f, p99 %.1f, max %.1f" % (len(took), seconds, predicted, *quantiles(took)))


def search(args, project):
    for name, asked in (SEARCHES | {"similar": None}).items():
        forget(project)
        with serving(args.binary, project, ["ann"]) as links:
            person = Person(links[0])
            time.sleep(args.settle)
            cold, warm = [], []
            for into in [cold] + [warm] * args.repeat:
                after = 0
                for page in range(PAGES):
                    if asked is None:
                        path = f"/api/similar/{random.randint(1, args.items)}"
                    else:
                        path = "/api/items?" + urlencode(asked | {"after": after} if after else asked)
                    answer, seconds = person.ask(path)
                    into.append(seconds)
                    if not (after := answer.get("next") or 0) and asked is not None:
                        break
            half, most, _, worst = quantiles(warm)
            print("%-54s cold %7.1f ms; warm p50 %6.1f, p95 %6.1f, max %6.1f" % (name, 1000 * max(cold), half, most, worst), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["load", "search"])
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "review", help="where the project is made")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--settle", type=float, default=10, help="seconds before it begins")
    args = parser.parse_args()
    args.binary = args.binary.absolute()
    made = million.make(args.binary, ROOT, args.folder, args.items)
    for _ in range(args.rounds if args.part == "load" else 1):
        copy = args.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made, copy)
        os.sync()  # or the disk would be at it all the while
        {"load": load, "search": search}[args.part](args, copy)


if __name__ == "__main__":
    main()
