"""The configuration of train.py, and the examples that it names."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np

from .job import ConfigError

METHODS = ("finetune", "lora", "setfit", "probe", "wiseft")
MAX_LINE = 16 << 20  # characters


@dataclasses.dataclass
class Settings:
    method: str  # one of METHODS
    model: Path  # folder of the model to start from, as labelloop reads it
    train: Path  # JSONL: {"text" or "image", "labels": [...]}
    labels: list[str]  # in the order of the outputs
    multi_label: bool = False
    validation: Path | None = None  # JSONL too; without it a part of train is set aside
    validation_share: float = 0.1  # 0: none, so no early stopping and no calibration
    training_set_sha256: str = ""  # kept with the model
    name: str = ""  # what the metrics call the training set

    epochs: int = 10
    batch_size: int = 32
    accumulation: int = 1  # batches for each step of the optimiser
    learning_rate: float | None = None  # of the encoder; None: the method's own
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps
    dropout: float = 0.1
    label_smoothing: float = 0.0
    class_weights: bool = False  # weigh labels by the inverse of their number
    patience: int = 3  # epochs without a better validation score; 0: no early stopping
    max_length: int = 128  # tokens that are trained on
    seed: int = 0

    device: str = "auto"  # auto, cpu, cuda
    precision: str = "auto"  # auto, fp32, bf16
    threads: int = 0  # 0: all that the process may use
    checkpoint_seconds: float = 60.0

    lora_rank: int = 16
    lora_alpha: float = 32.0
    pairs_steps: int = 60  # setfit: batches of pairs
    pairs_batch: int = 64  # setfit: examples in a batch, each of which is paired with each
    templates: list[str] = dataclasses.field(default_factory=lambda: ["a photo of a {}."])  # wiseft: prompts
    interpolation: float | None = None  # wiseft: share of the fine-tuned weights; None: chosen on validation

    def check(self):
        if self.method not in METHODS:
            raise ConfigError(f"method is {self.method!r}, want one of {', '.join(METHODS)}")
        if not self.model.is_dir():
            raise ConfigError(f"model {self.model} is no folder")
        for i, label in enumerate(self.labels):
            if not label.strip() or label in self.labels[:i]:
                raise ConfigError(f"labels: number {i}, {label!r}, is {'there twice' if label.strip() else 'empty'}")
        if len(self.labels) < (1 if self.multi_label else 2):
            raise ConfigError(f"labels: {len(self.labels)} are too few to choose from")
        ranges = {
            "epochs": (1, 10_000), "batch_size": (1, 65_536), "accumulation": (1, 65_536), "head_learning_rate": (0, 10),
            "weight_decay": (0, 10), "warmup": (0, 1), "dropout": (0, 0.9), "label_smoothing": (0, 0.9), "patience": (0, 10_000),
            "max_length": (4, 8_192), "seed": (0, 2**32 - 1), "threads": (0, 4_096), "checkpoint_seconds": (0, 86_400),
            "lora_rank": (1, 1_024), "lora_alpha": (0, 65_536), "pairs_steps": (1, 1_000_000), "pairs_batch": (4, 65_536),
            "learning_rate": (0, 10), "validation_share": (0, 0.5), "interpolation": (0, 1),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}, want {low} to {high}")
        for name, known in (("device", ("auto", "cpu", "cuda")), ("precision", ("auto", "fp32", "bf16"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is {getattr(self, name)!r}, want one of {', '.join(known)}")
        if self.method == "setfit" and self.multi_label:
            raise ConfigError("setfit pairs examples by their one label: choose finetune for several labels an item")
        if any(template.count("{}") != 1 for template in self.templates) or not self.templates:
            raise ConfigError("templates: want at least one, each with one {}")

    def inputs(self):
        """The files that make this job what it is, beside the settings."""
        graphs = [p for d in (self.model, self.model / "onnx") for p in sorted(d.glob("*.onnx"))]
        files = [p for p in (self.train, self.validation) if p is not None]
        if lacking := [str(p) for p in files if not p.is_file()]:
            raise ConfigError(f"{', '.join(lacking)}: no such file")
        return files + graphs

    def rate(self):
        """The encoder's learning rate: a low-rank change takes larger steps, and interpolation wants small ones."""
        if self.learning_rate is not None:
            return self.learning_rate
        return {"lora": 1e-3, "setfit": 5e-5, "wiseft": 1e-5}.get(self.method, 2e-4)


@dataclasses.dataclass
class Examples:
    """Texts, or paths of pictures, and a row of 0 and 1 for each, by label."""

    items: list
    targets: np.ndarray  # float32 [item, label]
    pictures: bool

    def __len__(self):
        return len(self.items)

    def part(self, indexes):
        return Examples([self.items[i] for i in indexes], self.targets[indexes], self.pictures)

    @property
    def classes(self):
        return self.targets.argmax(axis=1)


def read_examples(path, settings):
    """Read a JSONL file. A line that is not what it should be is an error: a training set is made by a program."""
    index = {label: i for i, label in enumerate(settings.labels)}
    items, rows, kinds = [], [], set()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if len(line) > MAX_LINE:
                raise ConfigError(f"{where}: over {MAX_LINE >> 20} million characters")
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from error
            kind = next((k for k in ("text", "image") if isinstance(record, dict) and isinstance(record.get(k), str)), None)
            labels = record.get("labels") if kind else None
            if kind is None or not isinstance(labels, list):
                raise ConfigError(f'{where}: want {{"text" or "image": ..., "labels": [...]}}')
            if unknown := [label for label in labels if not isinstance(label, str) or label not in index]:
                raise ConfigError(f"{where}: {unknown[0]!r} is none of the labels")
            if not settings.multi_label and len(labels) != 1:
                raise ConfigError(f"{where}: {len(labels)} labels, want one (or multi_label)")
            row = np.zeros(len(index), np.float32)
            row[[index[label] for label in labels]] = 1
            rows.append(row)
            kinds.add(kind)
            items.append(record[kind] if kind == "text" else str(path.resolve().parent / record[kind]))
    if not items:
        raise ConfigError(f"{path} holds no examples")
    if len(kinds) > 1:
        raise ConfigError(f"{path} holds texts and pictures: make a model for each")
    return Examples(items, np.array(rows), kinds == {"image"})


def split(examples, share, seed):
    """Set a share of the examples aside, from each first label alike (largest remainder); at least one of each stays."""
    random = np.random.default_rng([seed, 1])
    aside = []
    carried = 0.0
    for label in range(examples.targets.shape[1]):
        members = random.permutation(np.flatnonzero((examples.classes == label) & (examples.targets[:, label] > 0)))
        carried += share * len(members)
        take = min(math.floor(carried + 1e-9), max(len(members) - 1, 0))
        carried -= take
        aside += list(members[:take])
    rest = np.setdiff1d(np.arange(len(examples)), aside)
    return examples.part(rest), examples.part(np.sort(np.array(aside, int)))
