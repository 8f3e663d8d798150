#!/usr/bin/env python3
"""Contender: from the bytes of pictures to normalised values by Pillow and CLIPImageProcessor."""

import io
from pathlib import Path

import transformers
from PIL import Image

import contender


def load(args):
    processor = transformers.CLIPImageProcessor.from_pretrained(args.model)

    def prepare(paths):
        for path in paths:
            processor(images=Image.open(io.BytesIO(Path(path).read_bytes())).convert("RGB"), return_tensors="np")
        return []

    return prepare


if __name__ == "__main__":
    contender.main(load, field="image")
