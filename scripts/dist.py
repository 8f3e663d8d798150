#!/usr/bin/env python3
"""Pack the program, its native library, the default models and all their licences into one archive.

    python3 scripts/dist.py --deps .deps --program dist/build/labelloop --output dist/labelloop-1.0-linux-amd64.tar.gz

The same files give the same archive. Called by `make dist`.
"""

import argparse
import gzip
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import licences
from wheels import ROOT, SetupError

LIBRARIES = ["libonnxruntime.so", "libonnxruntime_providers_shared.so", "libjpeg.so.62"]
MODELS = ["minilm", "minilm-clinc150", "conse-lite0"]
TRAINING = ["train.py", "export.py", "quantize.py", "int8.py", "rounding.py", "training", "requirements-train.txt"]
EPOCH = 315532800  # 1980-01-01: tar warns of older times


def stage(deps, program, folder):
    """Lay out what the archive holds. Weights that the models share as hard links stay so."""
    (folder / "lib").mkdir(parents=True)
    shutil.copyfile(program, folder / "labelloop")
    (folder / "labelloop").chmod(0o755)
    for name in LIBRARIES:
        shutil.copyfile(deps / "lib" / name, folder / "lib" / name)
    linked = {}
    for source in sorted(path for name in MODELS for path in (deps / "models" / name).rglob("*") if path.is_file()):
        target = folder / source.relative_to(deps)
        target.parent.mkdir(parents=True, exist_ok=True)
        first = linked.setdefault(source.stat().st_ino, target)
        if first is target:
            shutil.copyfile(source, target)
        else:
            os.link(first, target)
    (folder / "scripts").mkdir()
    for name in TRAINING:
        source = ROOT / "scripts" / name
        sources = sorted(source.glob("*.py")) if source.is_dir() else [source]
        for path in sources:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    texts = folder / "LICENSES"
    shutil.copytree(deps / "licenses", texts)
    licences.collect_go("./cmd/labelloop", texts / "go")
    for name in MODELS:
        (texts / "models" / name).mkdir(parents=True)
        for notice in ("LICENSE", "NOTICE"):
            shutil.copyfile(deps / "models" / name / notice, texts / "models" / name / notice)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copyfile(ROOT / "docs" / "archive.md", folder / "README.md")


def pack(folder, output):
    """Write a tar.gz of a folder in which nothing depends on who packs it, or when."""

    def plain(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = EPOCH
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    temporary = output.with_name(output.name + ".tmp")
    with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted([folder, *folder.rglob("*")]):
                archive.add(path, path.relative_to(folder.parent).as_posix(), recursive=False, filter=plain)
    temporary.replace(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deps", type=Path, required=True, help="folder that deps.py filled")
    parser.add_argument("--program", type=Path, required=True, help="the binary")
    parser.add_argument("--output", type=Path, required=True, help="the archive; its name less .tar.gz is the folder inside")
    args = parser.parse_args()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".stage-", dir=args.output.parent) as scratch:
        folder = Path(scratch) / args.output.name.removesuffix(".tar.gz")
        try:
            stage(args.deps, args.program, folder)
        except SetupError as error:
            sys.exit(f"dist: {error}")
        pack(folder, args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
