"""Goes round the whole loop on Banking77 with known labels as the oracle: zero-shot, rounds of 60 labels, a head, the gate, and
promotion of what it finds better. Run by `make demo-loop`; docs/tutorial.md tells the long version.

The pool is a half of the questions in testdata, the other half judges: the figures are not those of the tutorial.
"""

import csv
import json
import pathlib
import random
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "demo-loop"
PROGRAM = ROOT / "bin" / "labelloop"
BANKING77 = ROOT / "testdata" / "banking77"
PROJECT = OUT / "banking"
BUDGET, BATCH = 240, 60


def labelloop(*args, show=True):
    """Runs the program and gives what it writes to stdout."""
    command = [PROGRAM, *map(str, args)]
    if show:
        print("\n$ labelloop", *args[:1], "...", *map(str, args[-4:]), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"demo-loop: {' '.join(map(str, command))} ended with exit code {done.returncode}")
    return done.stdout


def halves():
    """Writes a half of the questions to be asked about, and a half to judge by."""
    with (BANKING77 / "test.csv").open(encoding="utf-8", newline="") as f:
        _, *rows = csv.reader(f)
    random.Random(1).shuffle(rows)
    for name, part in (("pool", rows[: len(rows) // 2]), ("eval", rows[len(rows) // 2 :])):
        with (OUT / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows([("text", "label"), *part])


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    halves()
    labelloop("init", PROJECT, "--labels-file", BANKING77 / "labels.txt")
    labelloop("import", "--project", PROJECT, "--no-labels", OUT / "pool.csv")
    labelloop("import", "--project", PROJECT, "--split", "eval", OUT / "eval.csv")
    loop = json.loads(labelloop("loop", "--project", PROJECT, "--json", "--model", "minilm", "--batch", BATCH, "--budget", BUDGET,
                                "--oracle", "known_label"))  # fmt: skip
    print("\nlabels  trained on  accuracy  in use  promoted")
    for r in loop["rounds"]:
        print(f"{r['labels']:6d}  {r['trained']:10d}  {100 * r['accuracy']:6.1f} %  {100 * r['in_use']:4.1f} %  {'yes' if r['promoted'] else 'no'}")
    print(loop["end"])
    print(labelloop("models", "history", "--project", PROJECT))
    if sum(r["promoted"] for r in loop["rounds"]) > 1:
        labelloop("models", "rollback", "--project", PROJECT, "--reason", "to show it")
    print(labelloop("models", "list", "--project", PROJECT))


if __name__ == "__main__":
    main()
