#!/usr/bin/env python3
"""Contender: the zero-shot-image-classification pipeline of transformers on PyTorch, called with a list of paths."""

import torch
import transformers

import contender
from clip import LABELS, TEMPLATE, open_torch


def flags(parser):
    parser.add_argument("--labels", type=lambda listed: listed.split(","), default=LABELS)


def load(args):
    torch.set_num_threads(args.threads)
    model, processor, tokenizer = open_torch(args.model)
    pipeline = transformers.pipeline("zero-shot-image-classification", model=model, image_processor=processor, tokenizer=tokenizer, device="cpu")

    def label(paths):
        return [best[0]["label"] for best in pipeline(paths, candidate_labels=args.labels, hypothesis_template=TEMPLATE)]

    return label


if __name__ == "__main__":
    contender.main(load, flags, field="image", warm=2)  # it takes one at a time
