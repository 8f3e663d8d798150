"""The texts and pictures that are measured, as many as take a run of a chosen time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers
from PIL import Image

import models
import texts

PART_PICTURES = 24  # that the number of pictures is chosen on
SIZE, QUALITY = (500, 400), 87  # of the pictures
SEED = 3


@dataclass
class ItemSet:
    title: str
    path: Path  # JSONL
    items: int
    tokens: int = 0  # of all texts
    folder: Path | None = None  # of the pictures


class Texts:
    """Makes sets of texts with a model's tokenizer, which has to take the longest of them."""

    def __init__(self, model, folder):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.sentences = (models.ROOT / "testdata" / "wiki" / "wiki_sentences.txt").read_text("utf-8").splitlines()
        self.folder = folder

    def make(self, title, lengths):
        path = self.folder / f"{title.replace(' ', '-')}.jsonl"
        texts.write(path, texts.make(self.tokenizer, self.sentences, lengths, SEED))
        return ItemSet(title, path, len(lengths), sum(lengths))

    def sized(self, title, lengths, tokens, seconds, run):
        """Return a part of so many tokens, and a set on which run(path) takes about so many seconds.

        lengths(n) gives the numbers of tokens of n texts.
        """
        part = self.make(f"part of {title}", lengths(max(1, round(tokens / np.mean(lengths(1000))))))
        rate = part.items / run(part.path).seconds
        return part, self.make(title, lengths(max(1, round(rate * seconds))))


def make_pictures(title, folder, n):
    """Random crops of photographs, brought to one size."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    originals = models.photographs()
    rng = np.random.default_rng(SEED)
    paths = [folder / f"{i:04}.jpg" for i in range(n)]
    for i, path in enumerate(paths):
        with Image.open(originals[i % len(originals)]) as photograph:
            image = photograph.convert("RGB")
        share = rng.uniform(0.6, 1)
        w, h = (round(s * share) for s in image.size)
        x, y = (int(rng.integers(0, s - c + 1)) for s, c in zip(image.size, (w, h)))
        image.crop((x, y, x + w, y + h)).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=QUALITY)
    listed = folder.with_suffix(".jsonl")
    texts.write(listed, [str(path) for path in paths], "image")
    return ItemSet(title, listed, n, folder=folder)


def sized_pictures(title, folder, seconds, run):
    """Return a set on which run(folder) takes about so many seconds."""
    part = make_pictures(title, folder, PART_PICTURES)
    rate = part.items / run(part.folder).seconds
    return make_pictures(title, folder, max(1, round(rate * seconds)))
