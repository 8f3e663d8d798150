#!/usr/bin/env python3
"""Contender: sentence-transformers, encode() with its defaults: batches of 32, sorted by length."""

import sentence_transformers
import torch

import contender


def load(args):
    torch.set_num_threads(args.threads)
    model = sentence_transformers.SentenceTransformer(str(args.model), device="cpu", local_files_only=True)
    return lambda texts: model.encode(texts, show_progress_bar=False)


if __name__ == "__main__":
    contender.main(load)
