"""Texts of a chosen number of tokens, made from the wiki sentences."""

import json
import math
import random


def make(tokenizer, sentences, lengths, seed):
    """Return one text for each length, all different, as labelloop runs what repeats once.

    Sentences are drawn at random, the first of them begun at any word, joined, and cut after that many tokens. A length counts the
    special tokens. tokenizer neither truncates nor pads.
    """
    draw = random.Random(seed)
    special = tokenizer.num_special_tokens_to_add(False)

    def one(length):
        words = draw.choice(sentences).split()
        text = " ".join(words[draw.randrange(len(words)) :])
        while len((content := tokenizer.encode(text, add_special_tokens=False)).ids) < length - special:
            text += " " + draw.choice(sentences)
        text = text[: content.offsets[length - special - 1][1]]
        if len(tokenizer.encode(text).ids) != length:
            raise ValueError(f"text cut to {length} tokens has another number of them: {text!r}")
        return text

    texts = {}  # keeps the order
    for length in lengths:
        while (text := one(length)) in texts:
            pass
        texts[text] = None
    return list(texts)


def log_uniform(count, low, high, seed):
    """Return count whole numbers from low to high whose logarithms are uniform."""
    draw = random.Random(seed)
    return [round(math.exp(draw.uniform(math.log(low), math.log(high)))) for _ in range(count)]


def write(path, items, field="text"):
    with open(path, "w", encoding="utf-8") as file:
        for i, item in enumerate(items):
            file.write(json.dumps({"id": str(i), field: item}) + "\n")


def read(path, field="text"):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)[field] for line in file]
