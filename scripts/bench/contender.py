"""What the contenders in Python share: their flags, their clock and their output.

A contender works on items (JSONL with "text" or "image") with a model directory, writes what it finds (one label a line,
or an array of embeddings), and prints {"seconds": S}: the time from items in memory to results in memory, after the model was
loaded and had run once. With --each it takes one item at a time, and prints the seconds of each as well.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import texts

BATCH = 32
MAX_TOKENS = 400
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


def clock(work, *arguments):
    """Call a function; return what it gives, and its seconds."""
    begin = time.perf_counter()
    found = work(*arguments)
    return found, time.perf_counter() - begin


def main(load, flags=lambda parser: None, field="text", warm=BATCH):
    """Run a contender. load(flags) returns a function from items to results, which is called on warm of them before; flags adds to those that
    all have."""
    parser = argparse.ArgumentParser()
    flags(parser)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--each", action="store_true")
    args = parser.parse_args()

    work = load(args)
    inputs = texts.read(args.items, field)
    if args.each:
        work(inputs[:1])
        each = [clock(work, [item])[1] for item in inputs]
        print(json.dumps({"seconds": sum(each), "each": each}))
        return
    work(inputs[:warm])
    found, seconds = clock(work, inputs)
    if isinstance(found, np.ndarray):
        with open(args.output, "wb") as file:
            np.save(file, found)
    else:
        args.output.write_text("".join(name + "\n" for name in found), encoding="utf-8")
    print(json.dumps({"seconds": seconds}))
