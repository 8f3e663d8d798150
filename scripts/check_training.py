#!/usr/bin/env python3
"""Train small models with random weights in every way, and check what docs/training.md promises of it.

    python scripts/check_training.py [--program bin/labelloop] [--only NAME]

Each check runs train.py as labelloop does: as a process, in a namespace without a network. Needs what
requirements-train.txt lists, and testdata/models and testdata/image-models. It takes some minutes.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "scripts" / "train.py"
TEXTS, IMAGES = ROOT / "testdata" / "models", ROOT / "testdata" / "image-models"
WORDS = {"sport": "ball game team goal player match win", "money": "bank card pay price cash coin loan", "food": "bread soup rice meal cook eat dish"}
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
OFFLINE = ["unshare", "--map-root-user", "--net"]


class Checks:
    def __init__(self, folder, program):
        self.folder, self.program, self.made = folder, program, 0
        self.random = random.Random(1)

    def job(self, **config):
        """Return (configuration's path, folder) of a new job."""
        self.made += 1
        path = self.folder / f"{self.made}.json"
        path.write_text(json.dumps({"threads": 1, **config}))
        return path, self.folder / str(self.made)

    def start(self, config, out):
        return subprocess.Popen([*OFFLINE, sys.executable, TRAIN, "--config", config, "--out", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, config, out, code=0):
        process = self.start(config, out)
        stdout, stderr = process.communicate()
        lines = [json.loads(line) for line in stdout.splitlines()]
        assert process.returncode == code, f"exit code {process.returncode}, want {code}: {stdout[-600:]} {stderr[-2000:]}"
        return lines

    def train(self, **config):
        """Run a job to its end; returns its metrics and folder, which labelloop must read."""
        path, out = self.job(**config)
        lines = self.run(path, out)
        metrics = json.loads((out / "metrics.json").read_text())
        assert lines[-1]["event"] == "done" and lines[-1]["metrics"] == metrics
        assert metrics["onnx_difference"] <= 1e-4, metrics
        ids = json.loads((out / "config.json").read_text())["id2label"]
        assert [ids[str(i)] for i in range(len(ids))] == config["labels"], ids
        if self.program:
            shown = subprocess.run([self.program, "models", "show", out], capture_output=True, text=True)
            assert shown.returncode == 0, shown.stderr
        return metrics, out

    def texts(self, n=90, labels=None, several=False):
        """A file of texts whose label is plain from their words."""
        labels = labels or list(WORDS)
        path = self.folder / f"texts-{n}-{len(labels)}-{several}.jsonl"
        with open(path, "w") as file:
            for i in range(n):
                chosen = [label for label in labels if self.random.random() < 0.5] if several else [labels[i % len(labels)]]
                words = [word for label in chosen for word in self.random.choices(WORDS[label].split(), k=4)]
                self.random.shuffle(words)
                file.write(json.dumps({"text": " ".join(words) or "nothing", "labels": chosen}) + "\n")
        return {"train": str(path), "labels": labels}

    def pictures(self, n=60):
        path = self.folder / "pictures.jsonl"
        noise = np.random.default_rng(1)
        with open(path, "w") as file:
            for i in range(n):
                label = list(COLOURS)[i % len(COLOURS)]
                pixels = np.clip(np.array(COLOURS[label]) + noise.integers(-30, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(self.folder / f"{i}.png")
                file.write(json.dumps({"image": f"{i}.png", "labels": [label]}) + "\n")
            (self.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
            file.write(json.dumps({"image": "broken.png", "labels": ["red"]}) + "\n")
        return {"train": str(path), "labels": list(COLOURS)}

    def logits(self, folder, texts):
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        rows = []
        for text in texts:
            encoding = tokenizer.encode(text)
            values = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
            rows.append(session.run(["logits"], {i.name: np.array([values[i.name]], np.int64) for i in session.get_inputs()})[0][0])
        return np.array(rows)

    # The checks.

    def check_finetune(self):
        for model, several in [("bert-embed-mean", False), ("bert-embed-cls", False), ("bert-single", False), ("roberta-single", False), ("distilbert-multi", True)]:
            metrics, _ = self.train(method="finetune", model=str(TEXTS / model), **self.texts(several=several), multi_label=several, epochs=30,
                                    learning_rate=3e-3, batch_size=16, patience=0, label_smoothing=0.05, class_weights=True, accumulation=2)  # fmt: skip
            tell(model, metrics)
            assert metrics["validation"]["macro_f1"] >= 0.8, metrics

    def check_other_methods(self):
        for method, model in [("lora", "bert-embed-mean"), ("lora", "bert-single"), ("setfit", "bert-embed-mean"), ("probe", "bert-embed-mean"), ("wiseft", "bert-embed-mean")]:
            metrics, _ = self.train(method=method, model=str(TEXTS / model), **self.texts(), epochs=25, batch_size=16, learning_rate=5e-3, pairs_steps=30, lora_rank=4, patience=0)
            tell(f"{method} {model}", metrics)
            assert metrics["validation"]["accuracy"] >= 0.8, metrics

    def check_pictures(self):
        for method, model in [("finetune", "vit"), ("probe", "clip-two"), ("finetune", "clip-two"), ("wiseft", "clip-two"), ("wiseft", "clip-beside"), ("probe", "siglip-two")]:
            metrics, out = self.train(method=method, model=str(IMAGES / model), **self.pictures(), epochs=6, learning_rate=1e-3, validation_share=0.3)
            tell(f"{method} {model}", metrics)
            assert metrics["validation"]["accuracy"] >= 0.9, metrics
            assert "broken.png" in (out / "log.jsonl").read_text()

    def check_interpolation(self):
        """Half of the way is half of each weight; none of it is the zero-shot classifier."""
        import onnx
        from onnx import numpy_helper

        ends = []
        for share in (0.0, 0.5, 1.0):
            _, out = self.train(method="wiseft", model=str(IMAGES / "clip-two"), **self.pictures(), epochs=2, learning_rate=1e-3, interpolation=share, patience=0)
            ends.append({t.name: numpy_helper.to_array(t) for t in onnx.load(out / "model.onnx").graph.initializer})
        first, half, last = ends
        moved = [n for n in first if first[n].dtype == np.float32 and not np.array_equal(first[n], last[n])]
        assert len(moved) > 20, moved
        for name in moved:
            assert np.allclose(half[name], (first[name] + last[name]) / 2, atol=1e-5), name

    def check_warm_start(self):
        """A model that was trained is trained on: same graph, other labels; the labels that stay keep what was learnt."""
        _, first = self.train(method="finetune", model=str(TEXTS / "bert-embed-mean"), **self.texts(), epochs=8, learning_rate=3e-3)
        labels = ["food", "sport", "money"]
        metrics, second = self.train(method="finetune", model=str(first), **self.texts(60, labels), epochs=1, learning_rate=1e-4)
        assert metrics["validation"]["accuracy"] >= 0.9, metrics
        _, third = self.train(method="finetune", model=str(second), **self.texts(40, ["food", "money"]), epochs=1)
        shape = self.logits(third, ["bread"]).shape
        assert shape == (1, 2), shape

    def check_killed(self, kills=6):
        """A job that is killed at random moments ends with the bytes of one that was not."""
        # Checkpoints after each step, and smoothing keeps the loss from saying that it is done.
        config = dict(method="finetune", model=str(TEXTS / "bert-embed-mean"), **self.texts(600), epochs=3, batch_size=8, checkpoint_seconds=0.0, learning_rate=1e-3)
        path, whole = self.job(**config)
        begun = time.monotonic()
        self.run(path, whole)
        took = time.monotonic() - begun
        cut = whole.with_name("cut")
        resumed = killed = 0
        for _ in range(kills):
            process = self.start(path, cut)
            try:
                process.communicate(timeout=took * self.random.uniform(0.3, 0.9))
            except subprocess.TimeoutExpired:
                killed += 1
                process.kill()
                process.communicate()
        lines = self.run(path, cut)
        resumed = (cut / "log.jsonl").read_text().count('"resumed"')
        assert killed and resumed, (killed, resumed)
        for name in ("model.onnx", "config.json"):
            assert (whole / name).read_bytes() == (cut / name).read_bytes(), f"{name} differs after {killed} kills"
        print(f"  {killed} kills, {resumed} times resumed: the same bytes")

    def check_interrupt(self):
        path, out = self.job(method="finetune", model=str(TEXTS / "bert-embed-mean"), **self.texts(600), epochs=50, batch_size=8, patience=0)
        process = self.start(path, out)
        for line in process.stdout:
            if '"step": 5,' in line or json.loads(line).get("step", 0) >= 5:
                break
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == 130, process.returncode
        assert (out / "checkpoint.safetensors").exists() and not (out / "metrics.json").exists()

    def check_bad_configurations(self):
        good = dict(method="finetune", model=str(TEXTS / "bert-single"), **self.texts())
        bad = self.folder / "bad.jsonl"
        bad.write_text('{"text": "a", "labels": ["sport"]}\n{"text": "b", "labels": ["opera"]}\n')
        damaged = self.folder / "damaged"
        shutil.copytree(TEXTS / "bert-single", damaged, dirs_exist_ok=True)
        (damaged / "model.onnx").write_bytes((damaged / "model.onnx").read_bytes()[:5000])
        for change, words in [
            ({"method": "magic"}, "method is 'magic', want one of finetune"),
            ({"epoch": 3}, "'epoch' is not known"),
            ({"epochs": "3"}, "epochs is '3', want a whole number"),
            ({"epochs": True}, "epochs is True"),
            ({"learning_rate": -1.0}, "learning_rate is -1.0, want 0 to 10"),
            ({"labels": ["a", "a"]}, "'a', is there twice"),
            ({"model": "/nowhere"}, "is no folder"),
            ({"train": "/nowhere.jsonl"}, "no such file"),
            ({"train": str(bad)}, "bad.jsonl:2: 'opera' is none of the labels"),
            ({"model": str(damaged)}, "damaged/model.onnx"),
            ({"device": "cuda"}, "PyTorch finds none here"),
            ({"method": "setfit"}, "without an embedding of its own"),
        ]:
            path, out = self.job(**{**good, **change})
            lines = self.run(path, out, code=2)
            assert words in lines[-1]["message"], (words, lines[-1])
        path, out = self.job(**good, epochs=1)
        self.run(path, out)
        path.write_text(json.dumps({**good, "epochs": 2}))
        assert "another job" in self.run(path, out, code=2)[-1]["message"]


def tell(name, metrics):
    print(f"  {name}: {metrics['validation']}, ONNX beside PyTorch {metrics['onnx_difference']:.1e}, {metrics['seconds']} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, help="labelloop, to read what was written")
    parser.add_argument("--only", help="a check's name")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(Path(folder), args.program and args.program.resolve())
        for name in [n for n in dir(checks) if n.startswith("check_")]:
            if args.only in (None, name.removeprefix("check_")):
                print(name.removeprefix("check_").replace("_", " "), flush=True)
                getattr(checks, name)()


if __name__ == "__main__":
    main()
