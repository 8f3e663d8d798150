#!/usr/bin/env python3
"""Compares inference/pixel with Pillow and transformers' image processors, on pictures drawn anew each time.

    python scripts/pixel_parity.py [--seed N] [--pictures N]    compares: exit code 1 if any picture differs
    python scripts/pixel_parity.py --golden                     rewrites testdata/pixels, which `go test` compares with

A picture is opened, converted to RGB, resized and cropped; then rescaled and normalised. Both stages have to be equal to
the last bit. The Go side is the test binary of ./inference/pixel.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import transformers
from PIL import Image

import pictures

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "testdata" / "pixels"
SHARES = {"png": 300, "jpg": 120, "webp": 60, "gif": 60, "bmp": 40}  # pictures of a run
GOLDENS = {"png": 40, "jpg": 20, "webp": 12, "gif": 12, "bmp": 8}

PROCESSORS = {
    "clip": {"image_processor_type": "CLIPImageProcessor"},
    "clip-pads": {"image_processor_type": "CLIPImageProcessor", "size": 40, "crop_size": {"height": 64, "width": 53}, "resample": 2},
    "clip-lanczos": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 61}, "crop_size": 33, "resample": 1},
    "clip-hamming": {"image_processor_type": "CLIPImageProcessor", "size": {"height": 50, "width": 70}, "crop_size": 45, "resample": 5},
    "siglip": {"image_processor_type": "SiglipImageProcessor"},
    "vit": {"image_processor_type": "ViTImageProcessor", "size": 96},
    "deit": {"image_processor_type": "DeiTImageProcessor", "resample": 4},
    "convnext": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 112}, "crop_pct": 0.9, "resample": 3},
    "convnext-384": {"image_processor_type": "ConvNextImageProcessor"},
    "efficientnet": {"image_processor_type": "EfficientNetImageProcessor", "size": {"height": 90, "width": 80}},
    "efficientnet-offset": {
        "image_processor_type": "EfficientNetImageProcessor", "size": 64, "resample": 3, "do_center_crop": True,
        "crop_size": 57, "rescale_factor": 1 / 127.5, "rescale_offset": True, "include_top": False,
    },
}  # fmt: skip


def processor(config):
    return getattr(transformers, config["image_processor_type"])(**{k: v for k, v in config.items() if k != "image_processor_type"})


def reference(path, convert):
    """SHA-256 of the cropped pixels (height x width x 3, uint8) and of the values (3 x height x width, float32)."""
    with Image.open(path) as image:
        array = np.asarray(image.convert("RGB"))
    options = dict(images=array, return_tensors="np", input_data_format="channels_last")
    bare = dict(do_rescale=False, do_normalize=False) | ({"include_top": False} if hasattr(convert, "include_top") else {})
    crop = convert(**options, **bare)["pixel_values"][0]
    assert crop.dtype == np.uint8, f"{path}: {crop.dtype} by {convert}"
    values = convert(**options)["pixel_values"][0].astype("<f4")
    return [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a in (crop.transpose(1, 2, 0), values)]


def draw(folder, rng, shares, largest):
    """Write pictures; yields their paths."""
    for kind, n in shares.items():
        for i in range(n):
            width, height = pictures.draw_size(rng, largest)
            path = folder / f"{i:03}.{kind}"
            path.write_bytes(pictures.FORMATS[kind](rng, width, height))
            yield path


def cases(paths, rng):
    """Pair each picture with clip and, in turn, with another processor."""
    others = [name for name in PROCESSORS if name != "clip"]
    for i, path in enumerate(paths):
        with Image.open(path) as image:
            long, short = max(image.size), min(image.size)
        if long / short < 300:  # transformers resizes all of a thread before it cuts the middle out
            yield path, "clip"
        yield path, others[i % len(others)] if long / short < 300 else "vit"


def go_side(folder, wanted):
    """What Go says of each case: crop and value digests, or an error."""
    binary = folder / "pixel.test"
    subprocess.run(["go", "test", "-c", "-o", binary, "./inference/pixel"], cwd=ROOT, check=True)
    requests = folder / "requests.jsonl"
    requests.write_text("".join(json.dumps({"Picture": str(p), "Processor": PROCESSORS[name]}) + "\n" for p, name in wanted))
    done = subprocess.run(
        [binary, "-test.run=^$", f"-requests={requests}"], cwd=ROOT / "inference" / "pixel", stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(args):
    rng = np.random.default_rng(args.seed)
    scale = args.pictures / sum(SHARES.values())
    shares = {kind: max(1, round(n * scale)) for kind, n in SHARES.items()}
    made = {name: processor(config) for name, config in PROCESSORS.items()}
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        wanted = list(cases(list(draw(folder, rng, shares, (5000, 3000))), rng))
        answers = go_side(folder, wanted)
        differ = dict.fromkeys(shares, 0)
        for (path, name), answer in zip(wanted, answers, strict=True):
            kind = path.suffix[1:]
            if answer != {"Crop": (want := reference(path, made[name]))[0], "Values": want[1]}:
                differ[kind] += 1
                kept = Path(tempfile.gettempdir()) / f"differs-{args.seed}-{path.name}"
                shutil.copyfile(path, kept)
                print(f"  {name}: {kept} {Image.open(path)}: {answer.get('Error', 'other pixels')}")
    for kind, n in shares.items():
        compared = sum(path.suffix[1:] == kind for path, _ in wanted)
        print(f"{kind:5} {n:4} pictures, {compared:4} comparisons, {differ[kind]} differ", flush=True)
    sys.exit("parity: pixels are not equal" if any(differ.values()) else 0)


def write_golden():
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir(parents=True)
    rng = np.random.default_rng(7)
    made = {name: processor(config) for name, config in PROCESSORS.items()}
    (GOLDEN / "processors.json").write_text(json.dumps(PROCESSORS, indent=1) + "\n")
    lines = []
    for path, name in cases(list(draw(GOLDEN, rng, GOLDENS, (180, 120))), rng):
        crop, values = reference(path, made[name])
        lines.append(json.dumps({"picture": path.name, "processor": name, "crop": crop, "values": values}) + "\n")
    (GOLDEN / "golden.jsonl").write_text("".join(lines))
    print(f"{len(lines)} goldens in {GOLDEN}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--pictures", type=int, default=sum(SHARES.values()))
    parser.add_argument("--golden", action="store_true")
    args = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    transformers.logging.set_verbosity_error()
    if args.golden:
        write_golden()
    else:
        compare(args)


if __name__ == "__main__":
    main()
