#!/usr/bin/env python3
"""Contender: the text-classification pipeline of Optimum on ONNX Runtime, batches of 32 in the order given."""

import onnxruntime
import transformers
from optimum.onnxruntime import ORTModelForSequenceClassification, pipeline

import contender


def load(args):
    transformers.logging.set_verbosity_error()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    model = ORTModelForSequenceClassification.from_pretrained(args.model, file_name="model.onnx", session_options=options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    classifier = pipeline("text-classification", model=model, tokenizer=tokenizer, batch_size=contender.BATCH)

    def label(texts):
        return [best["label"] for best in classifier(texts, truncation=True, max_length=contender.MAX_TOKENS)]

    return label


if __name__ == "__main__":
    contender.main(load)
