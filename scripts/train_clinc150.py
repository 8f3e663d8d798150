#!/usr/bin/env python3
"""Train the linear head of minilm-clinc150 on CLINC150 and write it to models/default.

    python scripts/train_clinc150.py --encoder .deps/models/minilm

The head is a multinomial logistic regression on L2-normalised, mean-pooled MiniLM embeddings. Its strength of
regularisation is chosen, and its temperature (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017)
fitted, on the validation queries; the test queries are only looked at to report. Needs numpy, scipy, scikit-learn,
onnxruntime and tokenizers. Afterwards rebuild the models and renew SHA256SUMS, as models/README.md says.
"""

import argparse
import csv
import hashlib
import json
import platform
import struct
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import onnxruntime
import scipy
import sklearn
import tokenizers
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "testdata" / "clinc150"
DEFAULT = ROOT / "models" / "default"
MAX_TOKENS = 256
BATCH = 64
GRID = [3, 5, 7, 10, 14, 20, 30]  # C, the inverse of the L2 penalty's weight
ECE_BINS = 15


def read_queries(name):
    with open(DATA / name, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


class Encoder:
    """The embedding of a built minilm directory: float64 [text, hidden], rows of length 1."""

    def __init__(self, folder):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def embed(self, texts):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            encodings = self.tokenizer.encode_batch([texts[i] for i in batch])
            mask = np.array([e.attention_mask for e in encodings], np.int64)
            feed = {
                "input_ids": np.array([e.ids for e in encodings], np.int64),
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(mask),
            }
            (hidden,) = self.session.run(None, feed)
            total = (hidden.astype(np.float64) * mask[:, :, None]).sum(axis=1)
            for i, row in zip(batch, total / np.linalg.norm(total, axis=1, keepdims=True)):
                rows[i] = row
        return np.array(rows)


def fit(x, y, c):
    return LogisticRegression(C=c, tol=1e-5, max_iter=1000).fit(x, y)


def fit_temperature(logits, y):
    """Return the T that minimises the negative log likelihood of softmax(logits / T)."""
    nll = lambda log_t: -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(y)), y].mean()
    return float(np.exp(minimize_scalar(nll, bounds=(-4, 4), method="bounded", options={"xatol": 1e-8}).x))


def expected_calibration_error(probs, y):
    """Return the mean gap of confidence and accuracy over bins of equal width, weighted by their share of items."""
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == y
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return float(sum(abs((confidence - right)[bins == b].sum()) for b in range(ECE_BINS)) / len(y))


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(array.astype("<f4").tobytes() for array in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="a built minilm directory")
    args = parser.parse_args()

    encoder = Encoder(args.encoder)
    texts, names = zip(*(read_queries(f"{part}.csv") for part in ("train", "val", "test")))
    labels = sorted(set(names[0]))
    train_y, val_y, test_y = (np.array([labels.index(n) for n in part]) for part in names)
    train_x, val_x, test_x = (encoder.embed(part) for part in texts)

    models = {c: fit(train_x, train_y, c) for c in GRID}
    best = max(GRID, key=lambda c: models[c].score(val_x, val_y))
    for c in GRID:
        print(f"C {c}: validation accuracy {models[c].score(val_x, val_y):.4f}{' <- chosen' if c == best else ''}")

    weight, bias = models[best].coef_.astype(np.float32), models[best].intercept_.astype(np.float32)
    val_logits, test_logits = val_x @ weight.T + bias, test_x @ weight.T + bias
    temperature = fit_temperature(val_logits, val_y)
    accuracy = lambda logits, y: round(float((logits.argmax(axis=1) == y).mean()), 4)
    ece = lambda t: round(expected_calibration_error(softmax(test_logits / t, axis=1), test_y), 4)

    head = DEFAULT / "clinc150-head.safetensors"
    write_safetensors(head, {"weight": weight, "bias": bias})
    card = {
        "labels": labels,
        "calibration": {"temperature": temperature, "fitted_on": f"clinc150 val.csv, {len(val_y)} queries"},
        "metrics": {
            "accuracy_val": accuracy(val_logits, val_y),
            "accuracy_test": accuracy(test_logits, test_y),
            "ece_test_before_calibration": ece(1),
            "ece_test": ece(temperature),
            "ece_bins": ECE_BINS,
        },
        "training_set_sha256": sha256(DATA / "train.csv"),
        "head_sha256": sha256(head),
        "C": best,
        "max_tokens": MAX_TOKENS,
        "tools": {
            "python": platform.python_version(),
            **{tool.__name__: tool.__version__ for tool in (np, scipy, sklearn, onnxruntime, tokenizers)},
        },
    }
    (DEFAULT / "clinc150.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: card[key] for key in ("metrics", "calibration", "head_sha256")}, indent=2))


if __name__ == "__main__":
    main()
