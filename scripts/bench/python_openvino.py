#!/usr/bin/env python3
"""Contender: OpenVINO in Python, several requests at once, batches of the whole set sorted by length."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import openvino
import tokenizers

import contender


def load(args):
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": args.precision, "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": args.streams}
    compiled = core.compile_model(core.read_model(args.model / "model.onnx"), "CPU", settings)
    tokenizer = tokenizers.Tokenizer.from_file(str(args.model / "tokenizer.json"))
    names = json.loads((args.model / "config.json").read_text("utf-8"))["id2label"]

    def label(texts):
        labels = [None] * len(texts)
        own = threading.local()

        def run(batch):
            at, feed = batch
            if not hasattr(own, "request"):
                own.request = compiled.create_infer_request()
            for i, best in zip(at, own.request.infer(feed)[0].argmax(axis=1)):
                labels[i] = names[str(best)]

        with ThreadPoolExecutor(args.streams) as pool:
            list(pool.map(run, contender.batches(tokenizer.encode_batch(texts), args.batch)))
        return labels

    return label


def flags(parser):
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)
    parser.add_argument("--streams", type=int, required=True, help="requests that run side by side")


if __name__ == "__main__":
    contender.main(load, flags)
