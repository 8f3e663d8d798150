#!/usr/bin/env python3
"""Train a classifier from a model that labelloop reads and labelled examples, and write it as a model that labelloop reads.

    python scripts/train.py --config CONFIG.json --out DIR

docs/training.md describes the settings, the folder, the log and the exit codes. A run that was interrupted or killed goes
on from its checkpoint when the same command is given again. Needs what requirements-train.txt lists (make train-env).
"""

import platform
import time

from training import job, settings
from training.settings import Settings

CALIBRATION = 100  # items that were set aside, from which a temperature is fitted


def work(config, folder, log, stop):
    import numpy as np  # PyTorch takes seconds to load: settings are looked at first
    import onnxruntime
    import torch
    import transformers

    from training import export, measure, methods, network

    transformers.logging.set_verbosity_error()
    train = settings.read_examples(config.train, config)
    validation = settings.read_examples(config.validation, config) if config.validation else None
    if validation and validation.pictures != train.pictures:
        raise job.ConfigError(f"{config.validation}: want {'pictures' if train.pictures else 'texts'}, as in {config.train}")
    if train.pictures:
        train, validation = (examples and legible(examples, log) for examples in (train, validation))
    if validation is None:
        train, validation = settings.split(train, config.validation_share, config.seed)
    for label, count in zip(config.labels, train.targets.sum(axis=0)):
        if count == 0:
            log("warning", message=f"no example of {label!r} to train on")
    prepare(config, torch)
    twin = network.Twin(config.model, train.pictures, config, "eager" if config.device == "cpu" else "sdpa")
    twin.relabel(config.labels, config.seed)
    log("start", method=config.method, train=len(train), validation=len(validation), device=config.device, precision=config.precision)
    began = time.monotonic()
    bench = methods.Bench(twin, train, validation, config, folder, log, stop)
    metrics = {"method": config.method, "train_items": len(train), "validation_items": len(validation), **methods.METHODS[config.method](bench)}
    stop.check()
    calibration = None
    if len(validation):
        logits = bench.outputs(bench.module, bench.validation_rows, bench.validation_lengths)
        metrics["validation"] = measure.measure(logits, validation.targets, config.multi_label)
        if len(validation) >= CALIBRATION:
            t = measure.temperature(logits, validation.targets, config.multi_label)
            metrics["validation"]["log_loss_calibrated"] = round(measure.log_loss(logits / t, validation.targets, config.multi_label), 5)
            calibration = {"temperature": t, "fitted_on": f"{len(validation)} items that were set aside from training"}
    probes = bench.train.items[:: max(1, len(train) // export.PROBES)][: export.PROBES]
    metrics["onnx_difference"] = export.write(twin, config, calibration, metrics, probes, folder)
    metrics["seconds"] = round(time.monotonic() - began, 1)
    metrics["tools"] = {"python": platform.python_version(), **{m.__name__: m.__version__ for m in (torch, transformers, onnxruntime, np)}}
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return metrics


def legible(examples, log):
    """Leave out pictures that can't be read."""
    from training import network

    good, bad = network.readable(examples.items)
    for path, error in bad:
        log("warning", message=f"left out {path}: {error}")
    if not good:
        raise job.ConfigError("none of the pictures can be read")
    return examples.part(good)


def prepare(config, torch):
    """Settle what auto means, and how many threads there are."""
    if config.device == "auto":
        config.device = "cuda" if torch.cuda.is_available() else "cpu"
    if config.device == "cuda" and not torch.cuda.is_available():
        raise job.ConfigError("device is cuda, and PyTorch finds none here: say cpu, or auto")
    if config.precision == "auto":  # on CPUs bf16 took longer than fp32
        config.precision = "bf16" if config.device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)


if __name__ == "__main__":
    job.main(__doc__, Settings, work)
