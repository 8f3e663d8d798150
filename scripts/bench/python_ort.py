#!/usr/bin/env python3
"""Contender: onnxruntime in Python, batches of 32 of the whole set sorted by length."""

import json

import onnxruntime
import tokenizers

import contender


def load(args):
    model = args.model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(model / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    names = json.loads((model / "config.json").read_text("utf-8"))["id2label"]

    def label(texts):
        labels = [None] * len(texts)
        for at, feed in contender.batches(tokenizer.encode_batch(texts), contender.BATCH):
            (logits,) = session.run(None, feed)
            for i, best in zip(at, logits.argmax(axis=1)):
                labels[i] = names[str(best)]
        return labels

    return label


if __name__ == "__main__":
    contender.main(load)
