"""What the Python contenders share: their flags, their clock and their output.

A contender labels texts (JSONL with "id" and "text") with a model directory, writes one label a line, and prints
{"seconds": S}: the time from texts in memory to labels in memory, after the model was loaded and had run once.
"""

import argparse
import json
import time
from pathlib import Path

import texts

BATCH = 32


def main(load):
    """Run a contender. load(model directory, threads) returns a function from texts to labels."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()

    label = load(args.model, args.threads)
    inputs = texts.read(args.texts)
    label(inputs[:BATCH])
    begin = time.perf_counter()
    labels = label(inputs)
    seconds = time.perf_counter() - begin
    args.output.write_text("".join(name + "\n" for name in labels), encoding="utf-8")
    print(json.dumps({"seconds": seconds}))
