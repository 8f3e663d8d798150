#!/usr/bin/env python3
"""Contender: fastembed on ONNX Runtime, batches of 32 in the order given."""

import fastembed
import numpy as np
from fastembed.common.model_description import ModelSource, PoolingType

import contender

NAME, SIZE = "local/minilm", 384


def load(args):
    # The source is never asked, but has to be named.
    fastembed.TextEmbedding.add_custom_model(
        NAME, pooling=PoolingType.MEAN, normalization=True, sources=ModelSource(hf=NAME), dim=SIZE, model_file="model.onnx"
    )
    model = fastembed.TextEmbedding(NAME, threads=args.threads, specific_model_path=str(args.model), cuda=False)
    return lambda texts: np.array(list(model.embed(texts, batch_size=contender.BATCH)))


if __name__ == "__main__":
    contender.main(load)
