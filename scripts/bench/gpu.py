#!/usr/bin/env python3
"""Measures and checks labelloop on GPUs beside the CPU: items a second, and how near the labels are. Writes a Markdown table.

    python3 scripts/bench/gpu.py testdata/clinc150/test.csv --model minilm-clinc150 --devices cpu cuda cuda:0,1 --column text

The first device and precision are those that the others are compared with. Other flags go to labelloop.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with exit code {done.returncode}")
    return done.stdout


def labels(path):
    """id -> (label, confidence), errors left out."""
    records = map(json.loads, path.read_text("utf-8").splitlines())
    return {r["id"]: (r["label"], r["confidence"]) for r in records if "error" not in r}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default="bin/labelloop")
    parser.add_argument("--model", required=True)
    parser.add_argument("--devices", nargs="+", default=["cpu", "cuda"])
    parser.add_argument("--precisions", nargs="+", default=["fp32"], help="of those that the model has")
    parser.add_argument("--batches", nargs="+", default=["0"], help="sizes of a batch to try; 0: the device's own")
    parser.add_argument("input", type=Path)
    args, flags = parser.parse_known_args()
    first = None
    print("| device | precision | batch | start, s | run alone, items/s | end to end, items/s | same label | largest difference of a confidence |")
    print("|---|---|---|---|---|---|---|---|")
    for device in args.devices:
        for precision in args.precisions:
            for batch in args.batches:
                job = ["--model", args.model, "--device", device, "--precision", precision, "--batch", batch, *flags, args.input]
                speed = json.loads(run(args.program, "bench", "--json", *job))
                with tempfile.TemporaryDirectory() as folder:
                    output = Path(folder) / "labels.jsonl"
                    run(args.program, "label", "--json", "--output", output, *job)
                    found = labels(output)
                first = first or found
                if found.keys() != first.keys():
                    sys.exit(f"{device} {precision}: other items are errors than on the first device")
                same = sum(found[k][0] == first[k][0] for k in first)
                apart = max(abs(found[k][1] - first[k][1]) for k in first)
                print(f"| {device} | {precision} | {batch} | {speed['start']:.2f} | {speed['run_alone']:,.0f} | {speed['end_to_end']:,.0f} "
                      f"| {same:,} of {len(first):,} | {apart:.5f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
