#!/usr/bin/env python3
"""Writes testdata/models: small random-weight models of real architectures, with goldens from PyTorch.

Each directory is what a Hugging Face export holds: config.json, tokenizer.json, tokenizer_config.json, model.onnx, and
beside them golden.json: what transformers' pipelines and sentence-transformers say about some forty awkward texts.
The models know nothing: they are there so that other code can be checked against PyTorch number by number.

    python scripts/make_testdata.py [--only bert-single,bert-nli]
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

PACKAGES = "torch transformers tokenizers sentencepiece sentence-transformers onnx onnxruntime"
try:
    import numpy as np
    import onnxruntime
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer

    from fixtures import AWKWARD, FIXTURES, MAX_LENGTH, write_json, write_model
except ImportError as err:
    sys.exit(f"make_testdata: {err}; it needs: pip install {PACKAGES}")

ROOT = Path(__file__).resolve().parent.parent
WINDOW, STRIDE = 64, 16  # tokens in a window, special ones included; tokens that neighbouring windows share


# Texts ---------------------------------------------------------------------------------------------------------------

PAIRS = [
    ("it rained all day", "the weather was bad"),
    ("", "an empty first text"),
    ("an empty second text", ""),
    ("a [SEP] inside", "and </s> here"),
    ("emoji 😀", "日本語 café"),
]

LABELS = ["sport", "world politics", "science and technology", "food, drink and cooking", "déjà vu"]
TEMPLATES = ["This example is {}.", "This text is about {}.", "{}"]


def long_texts(sentences, n):
    """n texts of some 130 to 400 tokens, longer than MAX_LENGTH."""
    rng = random.Random(3)
    return [", ".join(rng.sample(sentences, 8 + 3 * i)) + "." for i in range(n)]


def golden_texts(sentences):
    return AWKWARD + random.Random(1).sample(sentences, 6) + long_texts(sentences, 3)


def golden_pairs(sentences):
    first, second = long_texts(sentences, 2)
    drawn = random.Random(2).sample(sentences, 6)
    both = list(zip(drawn[:3], drawn[3:]))
    return PAIRS + both + [(first, "short"), ("short", first), (first, second), (second, first)]


# Export --------------------------------------------------------------------------------------------------------------


class FirstOutput(torch.nn.Module):
    """Gives the logits, or the last hidden state, as the only output."""

    def __init__(self, model, inputs):
        super().__init__()
        self.model, self.inputs = model, inputs

    def forward(self, *tensors):
        return self.model(**dict(zip(self.inputs, tensors)))[0]


def export(fixture, model, path):
    path.parent.mkdir(exist_ok=True)
    ids = torch.randint(5, 100, (2, 9))
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    output = "last_hidden_state" if fixture.pooling else "logits"
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in fixture.inputs}
    axes[output] = {0: "batch_size", 1: "sequence_length"} if fixture.pooling else {0: "batch_size"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are constant by design
        torch.onnx.export(
            FirstOutput(model, fixture.inputs).eval(), tuple(example[name] for name in fixture.inputs), str(path),
            dynamo=False, opset_version=17, input_names=list(fixture.inputs), output_names=[output], dynamic_axes=axes,
        )  # fmt: skip


# Goldens -------------------------------------------------------------------------------------------------------------


def rounded(value):
    """The same structure with every number at 8 significant digits."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.8g}") if isinstance(value, (float, np.floating)) else value


def first_output(model, **encoded):
    """The model's first output for one encoded text or batch, as a NumPy array."""
    with torch.no_grad():
        return model(**encoded)[0].numpy()


def classification_golden(fixture, model, tokenizer, pipe, sentences):
    texts = golden_texts(sentences)
    encode = lambda *text: tokenizer(*text, truncation=True, return_tensors="pt")
    logits = [first_output(model, **encode(text))[0].tolist() for text in texts]
    golden = {"texts": texts, "logits": logits, "pipeline": pipe(texts, top_k=None, truncation=True)}
    if fixture.pairs:
        pairs = golden_pairs(sentences)
        golden["pairs"] = [
            {
                "text": first,
                "text_pair": second,
                "logits": first_output(model, **encode(first, second))[0].tolist(),
                "pipeline": pipe({"text": first, "text_pair": second}, top_k=None, truncation=True),
            }
            for first, second in pairs
        ]
    if fixture.windows:
        golden["max_length"], golden["stride"] = WINDOW, STRIDE
        golden["windows"] = [windows(model, tokenizer, text) for text in ["short text", *long_texts(sentences, 6)]]
    return golden


def windows(model, tokenizer, text):
    """Logits of the overlapping windows of a text, as the tokenizer cuts them."""
    encoded = tokenizer(text, truncation=True, max_length=WINDOW, stride=STRIDE, padding=True,
                        return_overflowing_tokens=True, return_tensors="pt")  # fmt: skip
    encoded.pop("overflow_to_sample_mapping")
    logits = first_output(model, **encoded)
    lengths = encoded["attention_mask"].sum(1).tolist()
    return {"text": text, "lengths": lengths, "logits": logits.tolist(),
            "mean": logits.mean(0).tolist(), "max": logits.max(0).tolist()}  # fmt: skip


def zero_shot_golden(pipe, sentences):
    texts = [AWKWARD[i] for i in (2, 4, 6, 7, 11, 14, 21, 26, 27, 30)]
    texts += random.Random(4).sample(sentences, 3) + long_texts(sentences, 2)
    runs = [(template, multi, LABELS) for template in TEMPLATES for multi in (False, True)]
    runs.append((TEMPLATES[0], False, LABELS[1:2]))  # a lone label is scored against contradiction
    return {"texts": texts, "runs": [
        {
            "hypothesis_template": template,
            "multi_label": multi,
            "candidate_labels": labels,
            "results": [
                [{"label": l, "score": s} for l, s in zip(r["labels"], r["scores"])]
                for r in pipe(texts, candidate_labels=labels, hypothesis_template=template, multi_label=multi)
            ],
        }
        for template, multi, labels in runs
    ]}  # fmt: skip


def golden(fixture, folder, sentences):
    """What the Python libraries say, loading the directory as any user would."""
    if fixture.pooling:
        encoder = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"})
        texts = golden_texts(sentences)
        embeddings = [encoder.encode(text, show_progress_bar=False).tolist() for text in texts]
        return {"max_seq_length": encoder.max_seq_length, "texts": texts, "embeddings": embeddings}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    data = classification_golden(fixture, model, tokenizer, pipe, sentences)
    if fixture.nli:
        pipe = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
        data["zero_shot"] = zero_shot_golden(pipe, sentences)
    return data


def check(fixture, folder, tokenizer, model, texts):
    """Max |difference| between ONNX Runtime and PyTorch, texts alone and in a padded batch; and the spread of outputs."""
    session = onnxruntime.InferenceSession(str(folder / fixture.onnx), providers=["CPUExecutionProvider"])
    diff, firsts = 0.0, []
    for batch in [[text] for text in texts] + [texts]:
        encoded = tokenizer(batch, truncation=True, max_length=MAX_LENGTH, padding="longest", return_tensors="pt")
        encoded = {name: encoded[name] for name in fixture.inputs}
        want = first_output(model, **encoded)
        got = session.run(None, {k: v.numpy() for k, v in encoded.items()})[0]
        diff = max(diff, float(np.abs(got - want).max()))
        firsts.append(want[0].reshape(-1)[:32])
    spread = float(np.std([f[: min(map(len, firsts))] for f in firsts], axis=0).min())
    return diff, spread


# Files ---------------------------------------------------------------------------------------------------------------


def write_fixture(fixture, sentences, output):
    tokenizer = fixture.tokenizer(sentences)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        model = write_model(fixture, tokenizer, folder)
        data = golden(fixture, folder, sentences)
        (folder / "model.safetensors").unlink()
        export(fixture, model, folder / fixture.onnx)
        diff, spread = check(fixture, folder, tokenizer, model, [text for text in data["texts"] if text.strip()])
        write_json(folder / "golden.json", rounded(data))
        target = output / fixture.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    size = (target / fixture.onnx).stat().st_size
    print(f"{fixture.name:18} onnx {size // 1000:4} kB   onnxruntime - torch {diff:.1e}   spread {spread:.2f}", flush=True)
    if diff > 1e-5 or spread < 0.05:
        sys.exit(f"make_testdata: {fixture.name} is no good as a fixture")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sentences", type=Path, default=ROOT / "testdata/wiki/wiki_sentences.txt",
                      help="plain sentences, one a line")  # fmt: skip
    args.add_argument("--only", help="names of fixtures, comma-separated")
    args.add_argument("--output", type=Path, default=ROOT / "testdata/models")
    args = args.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if not args.sentences.is_file():
        sys.exit(f"make_testdata: {args.sentences} is not there; name a file of sentences with --sentences")
    sentences = args.sentences.read_text(encoding="utf-8").splitlines()
    args.output.mkdir(parents=True, exist_ok=True)
    only = args.only.split(",") if args.only else [f.name for f in FIXTURES]
    for fixture in FIXTURES:
        if fixture.name in only:
            write_fixture(fixture, sentences, args.output)


if __name__ == "__main__":
    main()
