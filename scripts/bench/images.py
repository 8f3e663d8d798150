#!/usr/bin/env python3
"""Measure labelloop on pictures beside transformers and PyTorch, and write the table to docs/benchmarks.md.

    make bench

CLIP ViT-B/32 with random weights and real architecture, 500 JPEGs of 500 x 400 made from the demo's photographs, 10 labels.
In each round every contender runs once, in turn; ratios are taken within a round, and their medians are told.
"""

import io
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import transformers
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import image_models
import int8

from bench import ROOT, arguments, call, machine, replace_section

LABELS = ["cat", "dog", "horse", "bee", "owl", "castle", "bridge", "flower", "rocket", "ball"]
TEMPLATE = "This is a photo of {}."
SIZE, QUALITY = (500, 400), 87
BATCH = 32  # of the PyTorch loop
PREPARED = 100  # pictures that are decoded and resized on one core
INT8 = "labelloop --precision int8"
BEGIN, END = "<!-- pictures, written by make bench -->\n", "<!-- end of pictures -->\n"


def photographs():
    return sorted(p for p in (ROOT / "testdata" / "images").iterdir() if p.suffix in (".jpg", ".png", ".webp"))


def make_pictures(folder, n):
    """Random crops of photographs, brought to one size."""
    folder.mkdir(parents=True, exist_ok=True)
    originals = photographs()
    rng = np.random.default_rng(11)
    paths = []
    for i in range(n):
        path = folder / f"{i:04}.jpg"
        paths.append(path)
        if path.exists():
            continue
        image = Image.open(originals[i % len(originals)]).convert("RGB")
        share = rng.uniform(0.6, 1)
        w, h = (round(s * share) for s in image.size)
        x, y = (int(rng.integers(0, s - c + 1)) for s, c in zip(image.size, (w, h)))
        image.crop((x, y, x + w, y + h)).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=QUALITY)
    return paths


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.pictures = make_pictures(folder / "pictures", args.items)
        self.model = folder / "model"
        tokenizer = image_models.clip_tokenizer(image_models.read_merges(args.vocabulary))
        model, processor = image_models.clip(tokenizer, True)
        self.torch = image_models.randomize(model, 5), processor, tokenizer
        if not (self.model / "onnx" / "text_model.onnx").exists():
            self.model.mkdir(parents=True, exist_ok=True)
            image_models.write_dual(self.model, *self.torch, split=True)
        self.quantize(self.model / "onnx" / "vision_model.onnx", HERE.parent / "int8.py")

    def quantize(self, graph, script):
        """Make the int8 graph, unless a newer one than the script is there. Its ranges are those of the demo's photographs."""
        target = graph.with_name(graph.stem + "_int8.onnx")
        if target.exists() and target.stat().st_mtime > script.stat().st_mtime:
            return
        images = [Image.open(path).convert("RGB") for path in photographs()]
        batches = [images[at : at + BATCH] for at in range(0, len(images), BATCH)]
        model = int8.load(graph)
        int8.quantize(model, int8.observe(model, [dict(self.torch[1](b, return_tensors="np")) for b in batches], self.args.threads))
        onnx.save(model, target)

    def labelloop(self, precision="fp32"):
        output = self.folder / "labels.jsonl"
        command = [self.args.binary, "label", "--model", self.model, "--labels", ",".join(LABELS), "--json", "--overwrite"]
        command += ["--precision", precision, "--threads", self.args.threads, "--output", output, self.folder / "pictures"]
        seconds = call(command)["seconds"]
        with open(output, encoding="utf-8") as file:
            return seconds, [json.loads(line)["label"] for line in file]

    def verb_bench(self, threads, *pictures):
        command = [self.args.binary, "bench", "--model", self.model, "--labels", ",".join(LABELS), "--json", "--rounds", 1]
        return call([*command, "--threads", threads, *pictures])

    def run_alone(self):
        return self.args.items / self.verb_bench(self.args.threads, self.folder / "pictures")["run_alone"], None

    def pipeline(self):
        model, processor, tokenizer = self.torch
        pipe = transformers.pipeline("zero-shot-image-classification", model=model, image_processor=processor, tokenizer=tokenizer, device="cpu")
        ask = lambda paths: [best[0]["label"] for best in pipe([str(p) for p in paths], candidate_labels=LABELS, hypothesis_template=TEMPLATE)]
        ask(self.pictures[:4])
        begin = time.perf_counter()
        labels = ask(self.pictures)
        return time.perf_counter() - begin, labels

    def loop(self):
        """What people write by hand: label embeddings once, then batches of pictures."""
        model, processor, tokenizer = self.torch
        unit = torch.nn.functional.normalize
        with torch.inference_mode():
            encoded = tokenizer([TEMPLATE.format(label) for label in LABELS], padding=True, return_tensors="pt")
            texts = unit(model.get_text_features(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]), dim=-1)

            def ask(paths):
                labels = []
                for at in range(0, len(paths), BATCH):
                    images = [Image.open(p).convert("RGB") for p in paths[at : at + BATCH]]
                    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
                    scores = unit(model.get_image_features(pixel_values=pixels), dim=-1) @ texts.T
                    labels += [LABELS[i] for i in scores.argmax(-1)]
                return labels

            ask(self.pictures[:BATCH])
            begin = time.perf_counter()
            labels = ask(self.pictures)
            return time.perf_counter() - begin, labels

    def preparing(self):
        """Pictures a second on one core: bytes to normalised values, by labelloop and by Pillow with CLIPImageProcessor."""
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(cores)[:1])  # child processes inherit it
        try:
            some = self.pictures[:PREPARED]
            ours = self.verb_bench(1, *some)["encode"]
            processor = self.torch[1]
            data = [p.read_bytes() for p in some]
            begin = time.perf_counter()
            for d in data:
                processor(images=Image.open(io.BytesIO(d)).convert("RGB"), return_tensors="np")
            return ours, len(data) / (time.perf_counter() - begin)
        finally:
            os.sched_setaffinity(0, cores)


def main():
    args = arguments(__doc__.splitlines()[0], 500, "pictures")
    args.vocabulary = next((args.deps / "wheels").glob("open_clip_torch-*.whl"))
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    bench = Bench(args, args.deps / "bench" / "clip")
    contenders = {
        "labelloop": bench.labelloop,
        INT8: lambda: bench.labelloop("int8"),
        "the graph alone, on labelloop's batches": bench.run_alone,
        f"PyTorch loop, batches of {BATCH}, label embeddings cached": bench.loop,
        "transformers zero-shot-image-classification pipeline": bench.pipeline,
    }
    seconds, labels, cores = {name: [] for name in contenders}, {}, []
    for r in range(args.rounds):
        names = list(contenders)
        for name in names[r % len(names) :] + names[: r % len(names)]:
            took, labels[name] = contenders[name]()
            seconds[name].append(took)
            print(f"    round {r + 1}: {name}: {took:.2f} s", file=sys.stderr)
        cores.append(bench.preparing())
        print(f"    round {r + 1}: preparing on one core: {cores[-1][0]:.0f} and {cores[-1][1]:.0f} pictures/s", file=sys.stderr)
    rows = ["| | pictures/s | labelloop / this | labelloop int8 / this | same labels |", "|---|---|---|---|---|"]

    def ratio_text(ratios):
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"

    def faster(own, other):
        return "" if own == other else ratio_text([b / a for a, b in zip(seconds[own], seconds[other])])

    reference = labels["transformers zero-shot-image-classification pipeline"]
    for name, took in seconds.items():
        same = f"{100 * np.mean([a == b for a, b in zip(labels[name], reference, strict=True)]):.1f} %" if labels[name] else ""
        rows.append(f"| {name} | {args.items / statistics.median(took):.1f} | {faster('labelloop', name)} | {faster(INT8, name)} | {same} |")
    ours, theirs = (statistics.median(c) for c in zip(*cores))
    rows += ["", "| bytes to values, one core | pictures/s | labelloop / this |", "|---|---|---|", f"| labelloop | {ours:.0f} | |"]
    rows += [f"| Pillow and CLIPImageProcessor | {theirs:.0f} | {ratio_text([a / b for a, b in cores])} |"]
    section = f"{args.threads} threads, {args.rounds} rounds, medians; {args.items} pictures. {machine()}.\n\n" + "\n".join(rows) + "\n"
    replace_section(args.document, section, BEGIN, END)


if __name__ == "__main__":
    main()
