"""Checks a head that `labelloop train` put on an encoder's graph: onnx.checker, opset and IR version as the encoder's, and the
logits of the file by Python's onnxruntime beside labelloop's. Ends with 1 where a label differs, or, without the fusions that labelloop
leaves out, a logit by more than 1e-5.

    python scripts/check_head.py --model PROJECT/models/NAME/VERSION --encoder .deps/models/minilm --texts testdata/banking77/test.csv

labelloop gives logits as the embeddings of a copy of the model whose output has another name. Python runs a text at a time, without
padding, once with the library's default options and once without the two fusions that labelloop leaves out. (labelloop's attention has
no mask, too: docs/benchmarks.md.)
"""

import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import onnx
import onnxruntime
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 1e-5
LEFT_OUT = ["SkipLayerNormFusion", "BiasGeluFusion"]  # by labelloop


def opsets(model):
    return model.ir_version, [(o.domain, o.version) for o in model.opset_import]


def label(program, source, *flags):
    """What labelloop says of the texts in a file: a record for each."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "out.jsonl"
        subprocess.run([program.resolve(), "label", *flags, "--output", output, source], check=True, stderr=subprocess.DEVNULL)
        return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def as_encoder(source, target):
    """Copy a model so that labelloop gives its logits, all digits of them, for embeddings."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("manifest.json*"))
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["BertModel"]
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    graph = next(target.glob("model*.onnx"))
    model = onnx.load(graph, load_external_data=False)
    model.graph.output[0].name = model.graph.node[-1].output[0] = "sentence_embedding"
    graph.unlink()
    onnx.save(model, graph)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--encoder", type=pathlib.Path, required=True)
    parser.add_argument("--texts", type=pathlib.Path, required=True, help="CSV with a column text")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--n", type=int, default=300)
    args = parser.parse_args()

    graph = next(args.model.glob("model*.onnx"))
    onnx.checker.check_model(str(graph), full_check=True)
    ours, theirs = (onnx.load(path, load_external_data=False) for path in (graph, args.encoder / "model.onnx"))
    if opsets(ours) != opsets(theirs):
        sys.exit(f"opsets and IR version {opsets(ours)}, the encoder's are {opsets(theirs)}")
    print(f"onnx.checker passes; IR version and opsets {opsets(ours)}")

    manifest = json.loads((args.model / "manifest.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, args.texts.open(encoding="utf-8", newline="") as f:
        texts = [row["text"] for row in csv.DictReader(f)][: args.n]
        source, encoder = pathlib.Path(folder) / "texts.jsonl", pathlib.Path(folder) / "encoder"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        as_encoder(args.model, encoder)
        labels = [manifest["labels"].index(r["label"]) for r in label(args.program, source, "--model", args.model)]
        said = np.array([r["embedding"] for r in label(args.program, source, "--model", encoder, "--task", "feature-extraction")])

    tokenizer = tokenizers.Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.enable_truncation(manifest["max_length"])
    tokenizer.no_padding()
    fine = True
    for options, left_out in (("default options", []), ("without the two fusions", LEFT_OUT)):
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"], disabled_optimizers=left_out)
        wants = {i.name for i in session.get_inputs()}
        logits = []
        for e in map(tokenizer.encode, texts):
            feed = {"input_ids": e.ids, "attention_mask": e.attention_mask, "token_type_ids": e.type_ids}
            logits.append(session.run(["logits"], {k: np.array([v], np.int64) for k, v in feed.items() if k in wants})[0][0])
        agree = int((np.argmax(logits, 1) == labels).sum())
        worst = np.abs(logits - said).max()
        print(f"{options}: {agree} of {len(texts)} labels the same; logits up to {np.abs(logits).max():.1f} differ by {worst:.2g} at most")
        fine = fine and agree == len(texts) and (worst <= LIMIT or not left_out)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
