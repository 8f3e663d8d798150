#!/usr/bin/env python3
"""Write what small-text, cleanlab, scikit-learn and others compute on random inputs, for the tests of activelearn.

    .deps/reference/bin/python scripts/goldens.py                         # testdata/activelearn
    .deps/reference/bin/python scripts/goldens.py --fresh [--seed N]      # other inputs, and the Go tests against them

Each module of scripts/goldens is a topic: its `cases(rng)` gives JSON values for one file.
"""

import argparse
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))


def plain(value):
    """numpy's values as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(type(value))


def write(topics, seed, folder):
    for topic in topics:
        # The references draw on global states too.
        random.seed(seed)
        np.random.seed(seed % 2**32)
        cases = importlib.import_module(f"goldens.{topic}").cases(np.random.default_rng(seed))
        (folder / f"{topic}.json").write_text(json.dumps(cases, default=plain, separators=(",", ":")) + "\n")
        print(f"{topic}: {len(cases)} cases")


def main():
    every = sorted(p.stem for p in (ROOT / "scripts" / "goldens").glob("*.py") if p.stem != "__init__")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*", default=every, help="topics (default: all)")
    parser.add_argument("--fresh", action="store_true", help="draw new inputs and run the Go tests against them")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of the new inputs")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if not args.fresh:
        write(args.topics, 20261125, ROOT / "testdata" / "activelearn")
        return
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as folder:
        write(every, args.seed, Path(folder))
        command = ["go", "test", "-count=1", "-run", "Golden", "./activelearn/..."]
        sys.exit(subprocess.run(command, cwd=ROOT, env=os.environ | {"LABELLOOP_GOLDENS": folder}).returncode)


if __name__ == "__main__":
    main()
