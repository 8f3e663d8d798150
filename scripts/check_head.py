"""Checks a head that `labelloop train` put on an encoder's graph: onnx.checker, opset and IR version as the encoder's, and the
file's logits by Python's onnxruntime beside labelloop's own: embeddings as labelloop pools them, times the head, and the labels
that labelloop gives by the file. Ends with 1 where a label differs, or a logit by more than 1e-5.

    python scripts/check_head.py --model PROJECT/models/NAME/VERSION --encoder .deps/models/minilm --texts testdata/banking77/test.csv
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 1e-5


def opsets(model):
    return model.ir_version, [(o.domain, o.version) for o in model.opset_import]


def label(program, source, *flags):
    """What labelloop says of the texts in a file: a record for each."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "out.jsonl"
        subprocess.run([program, "label", *flags, "--output", output, source], check=True, stderr=subprocess.DEVNULL)
        return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


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
    tensors = {t.name: t for t in ours.graph.initializer}
    weight, bias = (onnx.numpy_helper.to_array(tensors[f"labelloop_head_{name}"]).astype(np.float64) for name in ("weight", "bias"))

    manifest = json.loads((args.model / "manifest.json").read_text(encoding="utf-8"))
    tokenizer = tokenizers.Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.enable_truncation(manifest["max_length"])
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    wants = {i.name for i in session.get_inputs()}
    with tempfile.TemporaryDirectory() as folder, args.texts.open(encoding="utf-8", newline="") as f:
        rows = [row["text"] for row in csv.DictReader(f)][: args.n]
        source = pathlib.Path(folder) / "texts.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
        labels = label(args.program, source, "--model", args.model)
        vectors = label(args.program, source, "--model", args.encoder, "--task", "feature-extraction")
    worst, agree = 0.0, 0
    for text, given, vector in zip(rows, labels, vectors):
        e = tokenizer.encode(text)
        feed = {"input_ids": e.ids, "attention_mask": e.attention_mask, "token_type_ids": e.type_ids}
        logits = session.run(["logits"], {k: np.array([v], np.int64) for k, v in feed.items() if k in wants})[0][0]
        agree += manifest["labels"][logits.argmax()] == given["label"]
        worst = max(worst, np.abs(logits - (weight @ np.array(vector["embedding"]) + bias)).max())
    print(f"onnx.checker passes; IR version and opsets {opsets(ours)}; {agree} of {len(rows)} labels the same; "
          f"logits differ by {worst:.2g} at most")  # fmt: skip
    sys.exit(worst > LIMIT or agree < len(rows))


if __name__ == "__main__":
    main()
