"""Compare package tokenize with Hugging Face tokenizers (0.22.2): token by token, 100 %.

python scripts/tokenizer_parity.py                  draws new nasty strings, compares live, fails on any difference
python scripts/tokenizer_parity.py --golden         rewrites the goldens that `go test ./tokenize` compares with

Texts are bytes. A Python str can't hold invalid UTF-8: the reference reads each byte that is no part of valid UTF-8 as
one U+FFFD, which is what []rune(text) does in Go.
"""

import argparse
import base64
import codecs
import csv
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

from nasty import long_strings, nasty_strings

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTDATA = ROOT / "testdata" / "tokenizers"
BLOCK = 250

# How texts are encoded. With "pair", text i goes with text n-1-i.
MODES = {
    "single": {},
    "bare": {"bare": True},
    "windows": {"max_length": 12, "stride": 3, "windows": True},
    "truncated": {"max_length": 7},
    "pair": {"pair": True},
    "pair truncated": {"pair": True, "max_length": 24},
    "pair windows": {"pair": True, "max_length": 20, "stride": 2, "windows": True},
    "pair bare windows": {"pair": True, "max_length": 9, "windows": True, "bare": True},
    "first": {"pair": True, "max_length": 30, "windows": True, "truncation": "only_first"},
    "second": {"pair": True, "max_length": 30, "windows": True, "truncation": "only_second"},
    "512": {"max_length": 512, "stride": 64, "windows": True},
}
CORPORA = {
    "wiki": ["single", "pair truncated", "windows"],
    "clinc150": ["single", "pair windows"],
    "nasty": [m for m in MODES if m != "512"],
    "long": ["512"],
}

codecs.register_error("each_byte", lambda e: ("\ufffd" * (e.end - e.start), e.end))


def corpus(name):
    if name == "wiki":
        return (ROOT / "testdata" / "wiki" / "wiki_sentences.txt").read_bytes().split(b"\n")[:-1]
    if name == "clinc150":
        texts = []
        for split in ("train", "val", "test", "oos_test"):
            with open(ROOT / "testdata" / "clinc150" / f"{split}.csv", newline="") as f:
                texts += [row["text"].encode() for row in csv.DictReader(f)]
        return texts
    return [read_quoted(line) for line in (TESTDATA / f"{name}.txt").read_text().splitlines()]


def read_quoted(line):
    """A line of nasty.txt or long.txt: base64, or base64*N for N repetitions."""
    text, _, times = line.partition("*")
    return base64.b64decode(text) * int(times or 1)


def number(words):
    return ",".join("-1" if w is None else str(w) for w in words)


def canonical(e):
    """One encoding on one line, as canonical in tokenize/golden_test.go writes it."""
    return "|".join([
        ",".join(map(str, e.ids)), ",".join(map(str, e.type_ids)), ",".join(map(str, e.attention_mask)),
        ",".join(map(str, e.special_tokens_mask)), ",".join(f"{a}-{b}" for a, b in e.offsets), number(e.word_ids)])


def reference(tokenizer, texts, mode):
    """What tokenizers gives for each text, one line per text."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if mode.get("max_length"):
        tokenizer.enable_truncation(mode["max_length"], stride=mode.get("stride", 0),
                                    strategy=mode.get("truncation", "longest_first"))
    strings = [t.decode("utf-8", "each_byte") for t in texts]
    for i, text in enumerate(strings):
        pair = strings[-1 - i] if mode.get("pair") else None
        try:
            e = tokenizer.encode(text, pair, add_special_tokens=not mode.get("bare"))
        except Exception:  # only_first and only_second, where that is not enough
            yield "error"
            continue
        yield ";".join(canonical(x) for x in [e, *(e.overflowing if mode.get("windows") else [])])


def blocks(lines):
    digests, h, n = [], hashlib.sha256(), 0
    for n, line in enumerate(lines, 1):
        h.update(line.encode() + b"\n")
        if n % BLOCK == 0:
            digests.append(h.hexdigest()[:32])
            h = hashlib.sha256()
    return digests + ([h.hexdigest()[:32]] if n % BLOCK else [])


def write_goldens(minilm):
    write_strings("nasty", [base64.b64encode(t).decode() for t in nasty_strings(random.Random(3), 2200)])
    write_strings("long", [base64.b64encode(t).decode() + f"*{n}" for t, n in long_strings()])
    files = {"minilm": minilm, **{p.stem: p for p in sorted(TESTDATA.glob("*.json")) if is_tokenizer(p)}}
    goldens, cases = {}, []
    for name, path in files.items():
        tokenizer = Tokenizer.from_file(str(path))
        for texts, modes in CORPORA.items():
            for mode in modes:
                lines = reference(tokenizer, corpus(texts), MODES[mode])
                goldens.setdefault(name, {}).setdefault(texts, {})[mode] = blocks(lines)
        cases += spelled_out(name, tokenizer)
        print(name, file=sys.stderr)
    write_json("goldens.json", {"block": BLOCK, "modes": MODES, "digests": goldens})
    write_json("cases.json", cases)


def is_tokenizer(path):
    return "model" in json.loads(path.read_text())


def write_strings(name, lines):
    (TESTDATA / f"{name}.txt").write_text("\n".join(lines) + "\n")


def write_json(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=1)
    if name == "cases.json":  # one case a line
        text = "[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in value) + "\n]"
    (TESTDATA / name).write_text(text + "\n")


def spelled_out(name, tokenizer):
    """A few cases that a person can read."""
    for text, pair, mode in [
        ("", None, "single"),
        ("Hello world!", None, "single"),
        ("naïve cafe\u0301 👩‍👩‍👧 東京", None, "single"),
        ("nul\0nul", None, "single"),
        ("a <mask> or a [MASK]", None, "single"),
        ("one two three four five six seven eight nine ten", None, "windows"),
        ("how are you", "fine, and you?", "pair"),
    ]:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if mode == "windows":
            tokenizer.enable_truncation(12, stride=3)
        e = tokenizer.encode(text, pair)
        yield {"tokenizer": name, "text": text, "pair": pair, "mode": mode, "encodings": [
            {"tokens": x.tokens, "ids": x.ids, "type_ids": x.type_ids, "special": x.special_tokens_mask,
             "offsets": x.offsets, "words": [-1 if w is None else w for w in x.word_ids]}
            for x in [e, *e.overflowing]]}


def compare(paths, extra, seed, count):
    """Encode new strings on both sides, and for the extra tokenizers, which have no goldens, the corpora too; give the
    number of outcomes that differ."""
    rng = random.Random(seed)
    fresh = nasty_strings(rng, count)
    differ = compared = errors = 0
    with tempfile.TemporaryDirectory() as tmp:
        binary = os.path.join(tmp, "tokenize.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./tokenize"], cwd=ROOT, check=True)
        for path in [*paths, *extra]:
            tokenizer = Tokenizer.from_file(str(path))
            jobs = []
            for name in CORPORA["nasty"]:
                mode = dict(MODES[name])
                if "max_length" in mode:
                    mode["max_length"] += rng.randrange(8)
                jobs.append((name, fresh, mode))
            if path in extra:
                jobs += [(f"{texts}, {name}", corpus(texts), MODES[name])
                         for texts, names in CORPORA.items() for name in names]
            for name, texts, mode in jobs:
                request = {"tokenizer": str(pathlib.Path(path).resolve()), "mode": mode,
                           "texts": [base64.b64encode(t).decode() for t in texts]}
                run = subprocess.run([binary, "-test.run=^$", "-requests=/dev/stdin"], cwd=ROOT / "tokenize",
                                     input=json.dumps(request), stdout=subprocess.PIPE, check=True, text=True)
                want = reference(tokenizer, texts, mode)
                for text, g, w in zip(texts, run.stdout.splitlines(), want, strict=True):
                    compared += 1
                    errors += g == w == "error"
                    if g != w:
                        differ += 1
                        if differ <= 10:
                            print(f"{path}, {name} {mode}: {text[:200]!r}\n  tokenizers {w[:2000]}\n  tokenize   {g[:2000]}")
    print(f"{compared} outcomes of {len(paths) + len(extra)} tokenizers, {count} new strings each ({errors} outcomes are an "
          f"error on both sides): {differ} differ (seed {seed})")
    return differ


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", action="store_true", help="rewrite the goldens")
    p.add_argument("--tokenizer", action="append", default=[], help="a tokenizer.json to compare as well, on the goldens' corpora too")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--count", type=int, default=2000, help="new strings")
    args = p.parse_args()
    minilm = pathlib.Path(os.environ.get("LABELLOOP_DEPS", ROOT / ".deps")) / "models" / "minilm" / "tokenizer.json"
    if args.golden:
        write_goldens(minilm)
        return 0
    print(f"seed {args.seed}")
    paths = [minilm, *(f for f in sorted(TESTDATA.glob("*.json")) if is_tokenizer(f))]
    return 1 if compare(paths, args.tokenizer, args.seed, args.count) else 0


if __name__ == "__main__":
    sys.exit(main())
