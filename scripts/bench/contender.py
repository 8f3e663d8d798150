"""What the Python contenders share: their flags, their clock and their output.

A contender labels texts (JSONL with "id" and "text") with a model directory, writes one label a line, and prints
{"seconds": S}: the time from texts in memory to labels in memory, after the model was loaded and had run once.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import texts

BATCH = 32
FIELDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


def batches(encodings, size):
    """Sort encoded texts by length; yield the indexes of each batch, and its padded inputs."""
    order = sorted(range(len(encodings)), key=lambda i: len(encodings[i]))
    for start in range(0, len(order), size):
        at = order[start : start + size]
        feed = {name: np.zeros((len(at), len(encodings[at[-1]])), np.int64) for name in FIELDS}
        for row, i in enumerate(at):
            for name, field in FIELDS.items():
                values = getattr(encodings[i], field)
                feed[name][row, : len(values)] = values
        yield at, feed


def main(load, flags=lambda parser: None):
    """Run a contender. load(flags) returns a function from texts to labels; flags adds to those that all have."""
    parser = argparse.ArgumentParser()
    flags(parser)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()

    label = load(args)
    inputs = texts.read(args.texts)
    label(inputs[:BATCH])
    begin = time.perf_counter()
    labels = label(inputs)
    seconds = time.perf_counter() - begin
    args.output.write_text("".join(name + "\n" for name in labels), encoding="utf-8")
    print(json.dumps({"seconds": seconds}))
