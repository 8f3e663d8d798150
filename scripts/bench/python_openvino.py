#!/usr/bin/env python3
"""Contender: OpenVINO in Python, one request with all threads, batches of the whole set sorted by length.

Several requests side by side (NUM_STREAMS) were no faster, and OpenVINO 2026.4.1 now and then waits for ever with them.
"""

import json

import openvino
import tokenizers

import contender


def load(args):
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": args.precision, "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(args.model / "model.onnx"), "CPU", settings)
    request = compiled.create_infer_request()
    tokenizer = tokenizers.Tokenizer.from_file(str(args.model / "tokenizer.json"))
    names = json.loads((args.model / "config.json").read_text("utf-8"))["id2label"]

    def label(texts):
        labels = [None] * len(texts)
        for at, feed in contender.batches(tokenizer.encode_batch(texts), args.batch):
            for i, best in zip(at, request.infer(feed)[0].argmax(axis=1)):
                labels[i] = names[str(best)]
        return labels

    return label


def flags(parser):
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)


if __name__ == "__main__":
    contender.main(load, flags)
