#!/usr/bin/env python3
"""Run many items through labelloop and watch its resident memory.

    python scripts/bench/memory.py --n 1000000             short texts, from a pipe
    python scripts/bench/memory.py --pictures --n 50000    photographs in a folder, and files made to break decoders

Texts repeat the wiki sentences, pictures those of testdata/images. Memory must stay under a limit and flat: what it
peaks at after the first quarter of the input may exceed what it peaked at before by GROWTH_MB at most.
"""

import argparse
import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS_MB, PICTURES_MB = 700, 1200
GROWTH_MB = 32
INTERVAL = 0.25  # seconds


def feed(pipe, sentences, count):
    """Write count lines to a pipe. Ends early when its reader is gone."""
    with contextlib.suppress(BrokenPipeError), pipe:
        for start in range(0, count, len(sentences)):
            pipe.writelines(sentences[: count - start])


def fill(folder, count):
    """Make a folder of pictures: names for a few photographs, which decode as well as copies."""
    photographs = sorted(p for p in (ROOT / "testdata" / "images").iterdir() if p.suffix in (".jpg", ".png", ".webp", ".gif"))
    seeds = folder / "a"
    seeds.mkdir()
    kept = [shutil.copyfile(p, seeds / p.name) for p in photographs]
    for i in range(count - len(kept)):
        if i % 1000 == 0:
            part = folder / f"b{i // 1000:04}"
            part.mkdir()
        os.link(kept[i % len(kept)], part / f"{i:06}{kept[i % len(kept)].suffix}")


def png(width, height, rows=b""):
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def gif(width, height, frames):
    frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\x00\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + b"\x00\x00\x00\xff\xff\xff" + frame * frames + b"\x3b"


def plant_bombs(folder):
    """Write files made to break decoders; returns {name: whether it is sound all the same}."""
    folder.mkdir()
    whole = (ROOT / "testdata" / "images" / "cat-1.jpg").read_bytes()
    files = {
        "65535x65535.png": (png(65535, 65535), False),
        "65535x65535.gif": (gif(65535, 65535, 1), False),
        "50000-frames.gif": (gif(1, 1, 50_000), False),
        "cut.jpg": (whole[: len(whole) // 2], False),
        "60000x1.png": (png(60_000, 1, bytes(60_001)), False),
        "9000x9000.png": (png(9000, 9000, bytes(9001 * 9000)), True),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    (folder / "loop").symlink_to(".")
    (folder / "self.jpg").symlink_to("self.jpg")
    return {name: sound for name, (_, sound) in files.items()} | {"loop": False, "self.jpg": False}


def slipping_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.png", png(1, 1, bytes(2)))
    return path


def resident_mb(pid):
    """Return VmRSS in MB, or None when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kib = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kib[0]) * 1024 / 1e6 if kib else None


def watch(command, output, start):
    """Run a command; returns its exit status and samples of (bytes written so far, MB)."""
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE)
    start(child)
    samples = []
    while child.poll() is None:
        if (now := resident_mb(child.pid)) is not None:
            samples.append((output.stat().st_size if output.exists() else 0, now))
        time.sleep(INTERVAL)
    return child.returncode, samples


def check_bombs(output, bombs):
    """Each bomb has to have one record: an error, or a label where the picture is sound."""
    records = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    for name, sound in bombs.items():
        found = [r for r in records if Path(r["image"]).name == name]
        if len(found) != 1 or ("error" not in found[0]) != sound:
            sys.exit(f"memory: {name}: {found}")
        print(f"  {name}: {found[0].get('error') or found[0]['label']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--model", help="default: minilm-clinc150, or conse-lite0")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--n", type=int, default=1_000_000, help="items, 20,000 or more")
    args = parser.parse_args()

    limit = PICTURES_MB if args.pictures else TEXTS_MB
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        output = folder / "labels.jsonl"
        command = [args.binary, "label", "--model", args.model or ("conse-lite0" if args.pictures else "minilm-clinc150"), "--top-k", "1"]
        if args.pictures:
            bombs = plant_bombs(folder / "bombs") | {"evil.png": False}
            (folder / "pictures").mkdir()
            fill(folder / "pictures", args.n - len(bombs))
            command += ["--labels", "cat,dog,bridge", "--output", output, folder / "pictures", folder / "bombs", slipping_zip(folder / "slip.zip")]
            code, samples = watch(command, output, lambda child: child.stdin.close())
        else:
            sentences = (ROOT / "testdata" / "wiki" / "wiki_sentences.txt").read_bytes().splitlines(keepends=True)
            command += ["--format", "txt", "--output", output, "-"]
            code, samples = watch(command, output, lambda child: threading.Thread(target=feed, args=(child.stdin, sentences, args.n)).start())
        if code not in ((3,) if args.pictures else (0,)):
            sys.exit(f"memory: labelloop ended with exit status {code}")
        with open(output, "rb") as file:
            written = sum(1 for _ in file)
            size = file.tell()
        if args.pictures:
            check_bombs(output, bombs)
    if written != args.n:
        sys.exit(f"memory: {written:,} results for {args.n:,} items")

    def peak(low, high):
        return max((mb for done, mb in samples if low * size <= done <= high * size), default=0)

    bound = 0.98 if args.pictures else 1  # what comes last is made to need much
    first, rest = peak(0, 0.25), peak(0.25, bound)
    for name, low, high in [("start", 0, 0.02), ("first quarter", 0, 0.25), ("second half", 0.5, bound), ("end", 0.98, 1)]:
        print(f"{name:14} {peak(low, high):6.0f} MB at most")
    print(f"{args.n:,} items: peak {peak(0, 1):.0f} MB (limit {limit}), growth after the first quarter {rest - first:.0f} MB")
    if peak(0, 1) > limit or rest - first > GROWTH_MB:
        sys.exit("memory: not flat under the limit")


if __name__ == "__main__":
    main()
