#!/usr/bin/env python3
"""Write int8 graphs beside a model's fp32 ones, which `labelloop label --precision int8` then runs.

    python scripts/quantize.py MODEL_DIR --texts FILE [--pictures FOLDER]

Weights are quantized per channel and activations by ranges that are found once, on the samples (static quantization), so
that a label does not depend on what else is in its batch. FILE holds a text a line, like those that are to be labelled;
FOLDER pictures. Half of the samples are for the ranges; on the other half the outputs are compared with fp32, and the
cosine and, for classifiers, the share of equal labels are printed. Needs onnxruntime, onnx, tokenizers, and transformers
for pictures.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

BATCH = 8
METHODS = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile, "entropy": CalibrationMethod.Entropy}
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class Samples(CalibrationDataReader):
    """Batches of a graph's inputs."""

    def __init__(self, batches):
        self.batches, self.at = batches, iter(batches)

    def get_next(self):
        return next(self.at, None)

    def rewind(self):
        self.at = iter(self.batches)


def text_batches(model, names, texts):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    config = json.loads((model / "config.json").read_text("utf-8"))
    limit = min(config.get("max_position_embeddings", 512), 512)
    if "text_config" in config:
        limit = config["text_config"].get("max_position_embeddings", 77)
    tokenizer.enable_truncation(limit)
    tokenizer.no_padding()
    texts = sorted(texts, key=lambda t: len(tokenizer.encode(t).ids))  # little padding, as labelloop batches
    for at in range(0, len(texts), BATCH):
        tokenizer.enable_padding()
        rows = tokenizer.encode_batch(texts[at : at + BATCH])
        values = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        yield {name: np.array([getattr(r, values[name]) for r in rows], dtype=np.int64) for name in names}


def picture_batches(model, names, paths):
    from PIL import Image
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(model, use_fast=False)
    for at in range(0, len(paths), BATCH):
        images = [Image.open(path).convert("RGB") for path in paths[at : at + BATCH]]
        yield {names[0]: processor(images=images, return_tensors="np")["pixel_values"].astype(np.float32)}


def batches(model, session, args):
    names = [port.name for port in session.get_inputs()]
    if any(len(port.shape) == 4 for port in session.get_inputs()):
        if len(names) > 1:
            sys.exit("quantize: a graph of both encoders; export vision_model.onnx and text_model.onnx")
        if not args.pictures:
            sys.exit("quantize: --pictures is missing: the ranges of pictures are found on some of them")
        paths = sorted(p for p in args.pictures.rglob("*") if p.suffix.lower() in PICTURES)
        return list(picture_batches(model, names, spread(paths, args.samples)))
    if not args.texts:
        sys.exit("quantize: --texts is missing: the ranges of texts are found on some of them")
    lines = [line for line in args.texts.read_text("utf-8").splitlines() if line.strip()]
    return list(text_batches(model, names, spread(lines, args.samples)))


def spread(items, n):
    if len(items) < 2 * BATCH:
        sys.exit(f"quantize: {len(items)} samples, want {2 * BATCH} or more")
    return [items[i] for i in np.linspace(0, len(items) - 1, min(n, len(items))).astype(int)]


def quantize(graph, target, samples, method, skip):
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "whole.onnx", Path(folder) / "prepared.onnx"
        onnx.save(onnx.load(graph), whole)  # with the weights that it keeps outside
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), Samples(samples), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul", "Gemm", "Conv"],
            per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=METHODS[method],
            nodes_to_exclude=skip, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip


def compare(fp32, int8, held_out):
    """The cosine of the first output with fp32's, and the share of rows whose largest value is at the same place."""
    cosines, same = [], []
    for batch in held_out:
        a, b = (session.run(None, batch)[0] for session in (fp32, int8))
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        cosines += list((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
        same += list(a.argmax(1) == b.argmax(1))
    return cosines, same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--texts", type=Path, help="a text a line")
    parser.add_argument("--pictures", type=Path, help="folder of pictures")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--method", choices=METHODS, default="minmax", help="how ranges are found")
    parser.add_argument("--exclude", nargs="*", default=[], help="nodes that stay fp32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    graphs = [g for d in (args.model, args.model / "onnx") for g in d.glob("*.onnx") if g.stem in ("model", "vision_model", "text_model")]
    if not graphs:
        sys.exit(f"quantize: no model.onnx, vision_model.onnx or text_model.onnx in {args.model}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = args.threads, 3
    for graph in graphs:
        fp32 = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        samples = batches(args.model, fp32, args)
        target = graph.with_name(graph.stem + "_int8.onnx")
        quantize(graph, target, samples[::2], args.method, args.exclude)
        int8 = onnxruntime.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])
        cosines, same = compare(fp32, int8, samples[1::2])
        size = target.stat().st_size / 1e6
        print(f"{target.name}: {size:.0f} MB; {len(same)} samples beside fp32: cosine {np.mean(cosines):.4f}, lowest {min(cosines):.4f}, "
              f"same place of the largest value {100 * np.mean(same):.1f} %")  # fmt: skip


if __name__ == "__main__":
    main()
