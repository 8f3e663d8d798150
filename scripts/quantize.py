#!/usr/bin/env python3
"""Write a copy of a model with int8 or fp16 graphs beside its fp32 ones, for `labelloop label --precision int8`.

    python scripts/quantize.py --config CONFIG.json --out DIR

int8: weights are quantized per channel and activations by ranges that are found once, on samples (static quantization), so
that a label does not depend on what else is in its batch: transformers by int8.py, convolutional networks by ONNX Runtime's
own tool. fp16 is for GPUs. On samples that the ranges were not found on, the outputs are compared with fp32's. How often labels
are the same is written into config.json: by that `labelloop label --precision auto` decides whether int8 will do.
The text side of a dual encoder stays as it is: it runs once, over the labels, and an error there is in every picture's
scores. docs/training.md describes the settings, the folder, the log and the exit codes.
"""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

from training import job  # first: it keeps the libraries below off the network

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import int8
from training.job import ConfigError

BATCH = 8
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


# What belongs to the model's directory and is made anew when it is imported.
OWN = ("manifest.json", "manifest.json.sha256")


@dataclasses.dataclass
class Quantization:
    model: Path  # folder of the model
    precision: str = "int8"  # int8, fp16
    texts: Path | None = None  # a text a line, like those that are to be labelled
    pictures: Path | None = None  # a folder of them
    samples: int = 256  # to find ranges on; half of what there is at most
    compare: int = 2000  # others to compare on
    exclude: list[str] = dataclasses.field(default_factory=list)  # nodes that stay fp32
    threads: int = 0  # 0: all that the process may use

    def check(self):
        if not self.model.is_dir():
            raise ConfigError(f"model {self.model} is no folder")
        if self.precision not in ("int8", "fp16"):
            raise ConfigError(f"precision is {self.precision!r}, want int8 or fp16")
        for name in ("samples", "compare"):
            if not BATCH <= getattr(self, name) <= 100_000:
                raise ConfigError(f"{name} is {getattr(self, name)}, want {BATCH} to 100000")
        if self.threads < 0:
            raise ConfigError(f"threads is {self.threads}, want 0 or more")

    def inputs(self):
        """The files that make this job what it is, beside the settings."""
        return [p for p in (self.texts, *sorted(self.model.glob("**/*.onnx"))) if p]


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


def batches(config, session):
    """Two lists of batches: of samples to find ranges on, and of others to compare on."""
    names = [port.name for port in session.get_inputs()]
    if any(len(port.shape) == 4 for port in session.get_inputs()):
        if len(names) > 1:
            raise ConfigError("a graph of both encoders: export vision_model.onnx and text_model.onnx")
        if not config.pictures:
            raise ConfigError("pictures is missing: the ranges of pictures are found on some of them")
        make, items = picture_batches, sorted(p for p in config.pictures.rglob("*") if p.suffix.lower() in PICTURES)
    else:
        if not config.texts:
            raise ConfigError("texts is missing: the ranges of texts are found on some of them")
        make, items = text_batches, [line for line in config.texts.read_text("utf-8").splitlines() if line.strip()]
    if len(items) < 2 * BATCH:
        raise ConfigError(f"{len(items)} samples, want {2 * BATCH} or more")
    chosen = spread(len(items), min(config.samples, len(items) // 2))
    others = np.setdiff1d(np.arange(len(items)), chosen)
    others = others[spread(len(others), config.compare)]
    return [list(make(config.model, names, [items[i] for i in part])) for part in (chosen, others)]


def spread(count, n):
    """n of count indexes, evenly."""
    return np.linspace(0, count - 1, min(n, count)).astype(int)


def quantize(graph, target, samples, skip, threads):
    model = int8.load(graph)
    if int8.is_transformer(model):
        int8.quantize(model, int8.observe(model, samples, threads), skip)
        onnx.save(model, target)
        return
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "whole.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, whole)
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), Samples(samples), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul", "Gemm", "Conv"],
            per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=skip,
            extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip


def halve(graph, target):
    """Write the graph with weights and values of 16 bits, and inputs and outputs of 32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(int8.load(graph), keep_io_types=True), target)


def compare(fp32, other, held_out):
    """How near the first output is to fp32's, and how much it depends on what else is in a batch."""
    cosines, same, alone = [], [], 0.0
    for batch in held_out:
        a, b = (session.run(None, batch)[0] for session in (fp32, other))
        one = other.run(None, {name: values[:1] for name, values in batch.items()})[0]
        alone = max(alone, float(np.abs(one - b[:1]).max()))
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        cosines += list((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
        same += list(a.argmax(1) == b.argmax(1))
    return {
        "samples": len(same), "cosine": round(float(np.mean(cosines)), 5), "lowest_cosine": round(float(min(cosines)), 5),
        "same_label": round(float(np.mean(same)), 5), "batch_difference": alone,
    }  # fmt: skip


def weight_bytes(graph):
    """The size of a graph with the weights that it keeps outside."""
    outside = {e.value for t in onnx.load(graph, load_external_data=False).graph.initializer for e in t.external_data if e.key == "location"}
    return sum(path.stat().st_size for path in [graph, *(graph.parent / name for name in outside)])


def work(config, folder, log, stop):
    names = ("model", "vision_model")
    graphs = [g for d in (config.model, config.model / "onnx") for g in sorted(d.glob("*.onnx")) if g.stem in names]
    if not graphs:
        raise ConfigError(f"no model.onnx or vision_model.onnx in {config.model}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = config.threads, 3
    metrics, agreement = {}, {}
    for at, graph in enumerate(graphs):
        stop.check()
        log.step("quantize", at + 1, len(graphs), graph=graph.name)
        fp32 = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        ranges, others = batches(config, fp32)
        target = folder / graph.relative_to(config.model).with_name(f"{graph.stem}_{config.precision}.onnx")
        target.parent.mkdir(exist_ok=True)
        temporary = target.with_suffix(".tmp")
        if config.precision == "int8":
            quantize(graph, temporary, ranges, config.exclude, config.threads)
        else:
            halve(graph, temporary)
        other = onnxruntime.InferenceSession(str(temporary), options, providers=["CPUExecutionProvider"])
        found = compare(fp32, other, others)
        temporary.replace(target)
        metrics[target.name] = {**found, "bytes": target.stat().st_size, "share_of_fp32": round(target.stat().st_size / weight_bytes(graph), 4)}
        agreement[target.relative_to(folder).as_posix()] = {"share": found["same_label"], "samples": found["samples"]}
        log("graph", name=target.name, **metrics[target.name])
    for path in config.model.rglob("*"):
        copy = folder / path.relative_to(config.model)
        if path.is_file() and not copy.exists() and path.name not in OWN:
            copy.parent.mkdir(parents=True, exist_ok=True)
            temporary = copy.with_name(copy.name + ".tmp")
            shutil.copyfile(path, temporary)
            temporary.replace(copy)
    tell(folder / "config.json", agreement)
    return metrics


def tell(path, agreement):
    """Write into our own section of config.json how often the new graphs give fp32's label."""
    config = json.loads(path.read_text("utf-8"))
    config.setdefault("labelloop", {}).setdefault("agreement", {}).update(agreement)
    job.write_json(path, config)


if __name__ == "__main__":
    job.main(__doc__, Quantization, work)
