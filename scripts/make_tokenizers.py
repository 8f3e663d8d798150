"""Train the small tokenizers of testdata/tokenizers on the wiki sentences.

Each has the parts, in the order, that transformers gives the tokenizer.json of its model family; only the vocabulary
is small. Run from the root of the repository: python scripts/make_tokenizers.py (tokenizers 0.22.2).
"""

import json
import pathlib

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "testdata" / "tokenizers"


def sentences():
    # The sentences are lower case without punctuation. Other forms of some of them let the vocabulary hold capitals,
    # digits and marks too.
    lines = (ROOT / "testdata" / "wiki" / "wiki_sentences.txt").read_text().splitlines()[:6000]
    for i, line in enumerate(lines):
        yield line
        if i % 4 == 0:
            yield line.capitalize() + "."
        if i % 16 == 0:
            yield line.title() + " – “" + line.upper() + "”? (" + str(i * 7919) + ") naïve café 東京 ﬁn"


def with_mask(tokenizer, specials, mask):
    """Add the special tokens; the mask takes the white space before it, as in RoBERTa and XLM-R."""
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, normalized=False, special=True)])


def byte_level(size, specials, suffix=""):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=specials, end_of_word_suffix=suffix,
                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def roberta():
    t = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    t.train_from_iterator(sentences(), byte_level(1500, specials))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    with_mask(t, specials[:-1], "<mask>")
    return t


def gpt2():
    """GPT-2's parts with a prefix space and an end token, as later models of its line have them."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(sentences(), byte_level(600, ["<|endoftext|>"]))
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True, add_prefix_space=True),
        processors.TemplateProcessing(single="$A:0 <|endoftext|>:0", pair="$A:0 <|endoftext|>:0 $B:1 <|endoftext|>:1",
                                      special_tokens=[("<|endoftext|>", 0)]),
    ])
    t.add_tokens([AddedToken("New York", normalized=True, rstrip=True), AddedToken("yes", single_word=True)])
    return t


def clip():
    t = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False,
                             unk_token="<|endoftext|>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""),
                             behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    t.decoder = decoders.ByteLevel()
    specials = ["<|startoftext|>", "<|endoftext|>"]
    t.train_from_iterator(sentences(), byte_level(1500, specials, "</w>"))
    # CLIP's vocabulary holds each byte in both forms, inside and at the end of a word. The trainer adds the second
    # form only for characters that it saw there.
    d = json.loads(t.to_str())
    vocab = d["model"]["vocab"]
    for char in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocab.setdefault(char + "</w>", len(vocab))
    t = Tokenizer.from_str(json.dumps(d))
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False,
                                                    add_prefix_space=False)
    t.add_special_tokens([AddedToken("<|startoftext|>", normalized=True, special=True),
                          AddedToken("<|endoftext|>", normalized=False, special=True)])
    return t


def unigram(size, specials, unk, pre_tokenizer, *before):
    """A SentencePiece model. Nmt and NFKC stand for the precompiled map (300 kB) that real ones carry."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([*before, normalizers.Nmt(), normalizers.NFKC(),
                                         normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizer
    t.decoder = decoders.Metaspace()
    t.train_from_iterator(sentences(), trainers.UnigramTrainer(vocab_size=size, special_tokens=specials,
                                                               unk_token=unk, show_progress=False))
    return t


def t5():
    specials = ["<pad>", "</s>", "<unk>"]
    t = unigram(1500, specials, "<unk>", pre_tokenizers.Metaspace())
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                     special_tokens=[("</s>", 1)])
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    t.add_special_tokens([AddedToken(f"<extra_id_{i}>", normalized=False, special=True) for i in range(4)])
    return t


def xlmr():
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    t = unigram(1200, specials, "<unk>", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                                                  pre_tokenizers.Metaspace()]))
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
                                                     special_tokens=[("<s>", 0), ("</s>", 2)])
    with_mask(t, specials[:-1], "<mask>")
    return t


def deberta():
    specials = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    t = unigram(1000, specials, "[UNK]", pre_tokenizers.Sequence([pre_tokenizers.Metaspace()]),
                normalizers.Lowercase(), normalizers.Strip())
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                     special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    return t


def bert():
    """BERT with the older BertProcessing, cased, and with truncation and padding that a loader must ignore."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=False)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(sentences(), trainers.WordPieceTrainer(vocab_size=1000, special_tokens=specials,
                                                                 show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    t.enable_truncation(16)
    t.enable_padding(length=16)
    return t


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for make in (bert, roberta, gpt2, clip, t5, xlmr, deberta):
        file = OUT / (make.__name__ + ".json")
        make().save(str(file), pretty=False)
        print(file.relative_to(ROOT), file.stat().st_size)
