"""The small random-weight models of testdata/models: their tokenizers, sizes, labels and weights.

Weights come from a generator that is seeded by the name of the fixture and of the parameter, so that they are the same
on every machine and under every version of PyTorch.
"""

import json
import tempfile
import zlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import sentencepiece
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

MAX_LENGTH = 128  # tokens, special ones included; what tokenizer_config.json says
VOCAB = 700  # tokens in each vocabulary

AWKWARD = [
    "",
    " ",
    "a",
    "?",
    "Hello, world!",
    "  leading, trailing   and \t inner \n white space  ",
    "ALL CAPITALS AND MixedCase WoRdS",
    "the film was surprisingly good; i would watch it again",
    "don't can't won't it's o'clock rock'n'roll",
    "prices: $1,234.56 or 99% off (today only) #sale @home",
    "https://example.org/a/b?c=d&e=f and someone@example.org",
    "café naïve Ångström Dvořák résumé",
    "cafe\u0301 with a combining accent, and A\u030a",
    "Straße ﬁne ﬂour Ⅷ ½ ①",
    "Привет, мир! Как дела?",
    "مرحبا بالعالم",
    "שלום עולם",
    "日本語のテキストと漢字",
    "한국어 문장입니다",
    "中文字符和 English mixed 在一起",
    "नमस्ते दुनिया",
    "emoji 😀 family 👨‍👩‍👧‍👦 flag 🇩🇪 thumbs 👍🏽",
    "🎉🎉🎉",
    "zero\u200bwidth soft\u00adhyphen no\u00a0break \ufeffmark",
    "control \x01\x02\x7f characters and a nul \x00 inside",
    "replacement \ufffd character and private \ue000 use",
    "a [SEP] b [CLS] c [PAD] d [MASK] e [UNK]",
    "a </s> b <s> c <pad> d <mask> e <unk>",
    "{curly} <b>markup</b> \\back\\slash \"quotes\" 'single' `tick`",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 150,
    "ab " * 90,
    "1234567890 " * 30,
]


# Tokenizers ----------------------------------------------------------------------------------------------------------


def training_lines(sentences, cased):
    """Plain sentences and the awkward texts, so that the vocabulary holds some of their characters as well."""
    lines = sentences[:4000] + AWKWARD
    return [line.capitalize() if i % 2 else line for i, line in enumerate(lines)] if cased else lines


def wordpiece_pieces(words):
    """
    The characters of two words or more, and the starts and ends of words that save most: the trainer in tokenizers
    breaks ties at random.
    """
    counts = Counter(words)
    occurs = Counter(c for word in counts for c in set(word))
    chars = [c for c, n in occurs.items() if n > 1]
    saved = Counter()
    for word, n in counts.items():
        for length in range(2, len(word) + 1):
            saved[word[:length]] += n * (length - 1)
            saved["##" + word[-length:]] += n * (length - 1)
    best = sorted(saved, key=lambda piece: (-saved[piece], piece))
    return (sorted(chars) + sorted("##" + c for c in chars) + best)[: VOCAB - 5]


def wordpiece(sentences, cls, lowercase):
    normalizer, splitter = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    lines = map(normalizer.normalize_str, training_lines(sentences, not lowercase))
    pieces = wordpiece_pieces(word for line in lines for word, _ in splitter.pre_tokenize_str(line))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = {piece: i for i, piece in enumerate(special + pieces)}
    tok = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tok.normalizer, tok.pre_tokenizer, tok.decoder = normalizer, splitter, decoders.WordPiece()
    tok.add_special_tokens(special)
    tok.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return cls(tokenizer_object=tok, do_lower_case=lowercase, model_max_length=MAX_LENGTH)


def byte_level(sentences, cls):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(
        training_lines(sentences, True),
        trainers.BpeTrainer(
            vocab_size=VOCAB,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return cls(tokenizer_object=tok, model_max_length=MAX_LENGTH)


def unigram(sentences, cls, normalization, pieces):
    """Trains a SentencePiece model and lets transformers convert it, as it does for the published models."""
    with tempfile.TemporaryDirectory() as tmp:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(line for line in training_lines(sentences, True) if line.strip() and "\0" not in line),
            model_prefix=f"{tmp}/spm",
            vocab_size=VOCAB,
            character_coverage=0.998,
            normalization_rule_name=normalization,
            num_threads=1,
            minloglevel=2,
            **pieces,
        )
        return cls(vocab_file=f"{tmp}/spm.model", model_max_length=MAX_LENGTH)


DEBERTA_PIECES = dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]",
                      unk_piece="[UNK]")  # fmt: skip
XLMR_PIECES = dict(unk_id=0, bos_id=1, eos_id=2)


def bert_uncased(sentences):
    return wordpiece(sentences, transformers.BertTokenizerFast, lowercase=True)


def distilbert_cased(sentences):
    return wordpiece(sentences, transformers.DistilBertTokenizerFast, lowercase=False)


def roberta(sentences):
    return byte_level(sentences, transformers.RobertaTokenizerFast)


def deberta(sentences):
    return unigram(sentences, transformers.DebertaV2TokenizerFast, "nmt_nfkc", DEBERTA_PIECES)


def xlm_roberta(sentences):
    return unigram(sentences, transformers.XLMRobertaTokenizerFast, "identity", XLMR_PIECES)


# Models --------------------------------------------------------------------------------------------------------------


@dataclass
class Fixture:
    """One directory of testdata/models."""

    name: str
    tokenizer: callable  # sentences -> fast tokenizer
    config: type
    model: type
    options: dict = field(default_factory=dict)  # of the config, over the sizes that all fixtures share
    labels: list = None
    inputs: tuple = ("input_ids", "attention_mask", "token_type_ids")  # those that Optimum gives this architecture
    onnx: str = "model.onnx"  # path in the directory
    seed: int = 0  # chosen for the NLI models so that their scores lie about the middle, where they tell most
    nli: bool = False
    pairs: bool = False
    windows: bool = False
    pooling: str = None  # "mean" or "cls": a sentence-transformers directory
    normalize: bool = False
    max_seq_length: int = None  # of sentence_bert_config.json, where it is below the tokenizer's
    fixed_length: int = None  # truncation and fixed padding that tokenizer.json itself carries


t = transformers
NO_TYPES = ("input_ids", "attention_mask")
BERT = dict(tokenizer=bert_uncased, config=t.BertConfig)
ROBERTA = dict(max_position_embeddings=MAX_LENGTH + 2, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
               eos_token_id=2)  # fmt: skip

FIXTURES = [
    Fixture("bert-single", **BERT, model=t.BertForSequenceClassification, pairs=True, windows=True,
            labels=["joy", "anger", "mild surprise", "fear", "déjà vu"],
            options=dict(problem_type="single_label_classification")),
    Fixture("bert-binary", **BERT, model=t.BertForSequenceClassification, labels=["spam"]),
    Fixture("bert-nli", **BERT, model=t.BertForSequenceClassification, nli=True, seed=13,
            labels=["ENTAILMENT", "neutral", "contradiction"]),
    Fixture("distilbert-multi", distilbert_cased, t.DistilBertConfig, t.DistilBertForSequenceClassification,
            inputs=NO_TYPES, labels=["toxic", "severe toxic", "obscene", "threat", "insult", "identity hate"],
            options=dict(problem_type="multi_label_classification", dim=32, hidden_dim=64, n_layers=2, n_heads=2)),
    Fixture("roberta-single", roberta, t.RobertaConfig, t.RobertaForSequenceClassification, inputs=NO_TYPES, pairs=True,
            labels=["negative", "neutral", "positive"], options=ROBERTA),
    Fixture("deberta-nli", deberta, t.DebertaV2Config, t.DebertaV2ForSequenceClassification, inputs=NO_TYPES, nli=True,
            seed=5, labels=["contradiction", "neutral", "entailment"],
            options=dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=32, type_vocab_size=0,
                         norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False,
                         max_relative_positions=-1, pooler_hidden_size=32)),
    Fixture("bert-embed-mean", **BERT, model=t.BertModel, pooling="mean", normalize=True, max_seq_length=96,
            fixed_length=64),
    Fixture("bert-embed-cls", **BERT, model=t.BertModel, pooling="cls", options=dict(num_attention_heads=4)),
    Fixture("xlmr-embed-mean", xlm_roberta, t.XLMRobertaConfig, t.XLMRobertaModel, inputs=NO_TYPES, pooling="mean",
            normalize=True, onnx="onnx/model.onnx", options=ROBERTA),
]  # fmt: skip


def parameter(fixture, name, shape):
    """Random values of a size that keeps attention, activations and logits well spread."""
    values = np.random.RandomState(zlib.crc32(f"{fixture.name}/{fixture.seed}/{name}".encode())).standard_normal(shape)
    if "LayerNorm" in name or "layer_norm" in name:
        return 0.2 * values + (1 if name.endswith("weight") else 0)
    if len(shape) == 1:
        return 0.2 * values
    if "embeddings" in name:
        return values
    if name in ("classifier.weight", "classifier.out_proj.weight"):
        return values * 3 / shape[1] ** 0.5
    return values * 1.2 / shape[1] ** 0.5


def build_model(fixture, tokenizer):
    sizes = dict(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                 intermediate_size=64, max_position_embeddings=MAX_LENGTH,
                 pad_token_id=tokenizer.pad_token_id)  # fmt: skip
    if "dim" in fixture.options:  # DistilBERT has its own names for the sizes
        sizes = {k: v for k, v in sizes.items() if k in ("vocab_size", "max_position_embeddings", "pad_token_id")}
    labels = dict(enumerate(fixture.labels or []))
    if labels:
        sizes.update(id2label=labels, label2id={v: k for k, v in labels.items()})
    model = fixture.model(fixture.config(**{**sizes, **fixture.options}, attn_implementation="eager"))
    with torch.no_grad():
        for name, param in model.named_parameters():
            param.copy_(torch.tensor(parameter(fixture, name, tuple(param.shape)), dtype=torch.float32))
    return model.eval()


def write_model(fixture, tokenizer, folder):
    """Writes everything that transformers or sentence-transformers load, weights for PyTorch included."""
    model = build_model(fixture, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder, legacy_format=False)
    if fixture.fixed_length:
        raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
        raw.enable_truncation(fixture.fixed_length)
        raw.enable_padding(length=fixture.fixed_length, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
        raw.save(str(folder / "tokenizer.json"))
    if fixture.pooling:
        write_modules(fixture, folder)
    return model


def write_modules(fixture, folder):
    """The layout of sentence-transformers."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * fixture.normalize
    write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ])  # fmt: skip
    write_json(folder / "sentence_bert_config.json",
               {"max_seq_length": fixture.max_seq_length or MAX_LENGTH, "do_lower_case": False})  # fmt: skip
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": 32,
        "pooling_mode_cls_token": fixture.pooling == "cls",
        "pooling_mode_mean_tokens": fixture.pooling == "mean",
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    })  # fmt: skip


# Files ---------------------------------------------------------------------------------------------------------------


def write_json(path, value):
    """One element of a top-level list or value a line, so that a changed golden shows as a short diff."""
    line = lambda v: json.dumps(v, ensure_ascii=False)
    if isinstance(value, list):
        path.write_text("[\n" + ",\n".join(map(line, value)) + "\n]\n", encoding="utf-8")
        return
    parts = []
    for key, v in value.items():
        rows = isinstance(v, list) and v and not isinstance(v[0], (int, float))
        parts.append(f"{line(key)}: " + ("[\n" + ",\n".join(map(line, v)) + "\n]" if rows else line(v)))
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
