#!/usr/bin/env python3
"""Contender: onnxruntime in Python, batches of 32 of the whole set sorted by length."""

import json

import numpy as np
import onnxruntime
import tokenizers

import contender


def load(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    names = json.loads((model / "config.json").read_text("utf-8"))["id2label"]

    def label(texts):
        encodings = tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i]))
        labels = [None] * len(texts)
        for start in range(0, len(order), contender.BATCH):
            at = order[start : start + contender.BATCH]
            feed = {name: np.zeros((len(at), len(encodings[at[-1]])), np.int64) for name in FIELDS}
            for row, i in enumerate(at):
                for name, field in FIELDS.items():
                    values = getattr(encodings[i], field)
                    feed[name][row, : len(values)] = values
            (logits,) = session.run(None, feed)
            for i, best in zip(at, logits.argmax(axis=1)):
                labels[i] = names[str(best)]
        return labels

    return label


FIELDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}

if __name__ == "__main__":
    contender.main(load)
