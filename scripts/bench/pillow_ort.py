#!/usr/bin/env python3
"""Contender: pictures by Pillow and CLIPImageProcessor, the vision graph by onnxruntime, batches of 32."""

import numpy as np
import onnxruntime
import transformers
from PIL import Image

import contender


def load(args):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(args.model / "vision_model.onnx", options, providers=["CPUExecutionProvider"])
    processor = transformers.CLIPImageProcessor.from_pretrained(args.model)

    def embed(paths):
        embeddings = []
        for at in range(0, len(paths), contender.BATCH):
            images = [Image.open(path).convert("RGB") for path in paths[at : at + contender.BATCH]]
            feed = {"pixel_values": processor(images=images, return_tensors="np")["pixel_values"]}
            embeddings += session.run(["image_embeds"], feed)
        return np.concatenate(embeddings)

    return embed


if __name__ == "__main__":
    contender.main(load, field="image")
