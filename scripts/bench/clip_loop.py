#!/usr/bin/env python3
"""Contender: what people write by hand with PyTorch for CLIP: label embeddings once, then batches of 32 pictures."""

import torch
from PIL import Image
from torch.nn.functional import normalize

import contender
from clip import LABELS, TEMPLATE, open_torch


def load(args):
    torch.set_num_threads(args.threads)
    model, processor, tokenizer = open_torch(args.model)
    encoded = tokenizer([TEMPLATE.format(label) for label in LABELS], padding=True, return_tensors="pt")
    with torch.inference_mode():
        texts = normalize(model.get_text_features(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]), dim=-1)

    @torch.inference_mode()
    def label(paths):
        labels = []
        for at in range(0, len(paths), contender.BATCH):
            images = [Image.open(path).convert("RGB") for path in paths[at : at + contender.BATCH]]
            pixels = processor(images=images, return_tensors="pt")["pixel_values"]
            scores = normalize(model.get_image_features(pixel_values=pixels), dim=-1) @ texts.T
            labels += [LABELS[i] for i in scores.argmax(-1)]
        return labels

    return label


if __name__ == "__main__":
    contender.main(load, field="image")
