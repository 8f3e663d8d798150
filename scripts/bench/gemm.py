#!/usr/bin/env python3
"""Measure the machine's peak of matrix products by oneDNN, in GFLOP/s (int8: giga-operations), and print it as JSON."""

import argparse
import json
import time

import torch

SIZES = (512, 1024, 2048)
TRIES = 12


def best(product, a, b):
    """Multiply again and again; return the highest rate."""
    seconds = []
    for _ in range(TRIES):
        begin = time.perf_counter()
        product(a, b)
        seconds.append(time.perf_counter() - begin)
    return 2 * a.shape[0] * a.shape[1] * b.shape[1] / min(seconds) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(parser.parse_args().threads)
    pairs = [(torch.randn(n, n), torch.randn(n, n)) for n in SIZES]
    kinds = {
        "fp32": (torch.mm, lambda x: x),
        "bf16": (torch.mm, lambda x: x.to(torch.bfloat16)),
        "int8": (torch._int_mm, lambda x: (16 * x).to(torch.int8)),
    }
    print(json.dumps({kind: max(best(product, cast(a), cast(b)) for a, b in pairs) for kind, (product, cast) in kinds.items()}))


if __name__ == "__main__":
    main()
