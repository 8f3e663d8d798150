#!/usr/bin/env python3
"""Writes testdata/models: small random-weight models of real architectures, with goldens from PyTorch.

Each directory is what a Hugging Face export holds: config.json, tokenizer.json, tokenizer_config.json, model.onnx, and
beside them golden.json: what transformers' pipelines and sentence-transformers say about some forty awkward texts.
The models know nothing: they are there so that other code can be checked against PyTorch number by number.

Weights come from a generator that is seeded by the name of the fixture and of the parameter, so that they are the same
on every machine and under every version of PyTorch.

    python scripts/make_testdata.py [--only bert-single,bert-nli]
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

PACKAGES = ["torch", "transformers", "tokenizers", "sentencepiece", "sentence_transformers", "onnx", "onnxruntime"]
try:
    import numpy as np
    import onnxruntime
    import sentencepiece
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as err:
    sys.exit(f"make_testdata: {err}; install the packages it needs: pip install {' '.join(PACKAGES)}")

ROOT = Path(__file__).resolve().parent.parent
MAX_LENGTH = 128  # tokens, special ones included; what tokenizer_config.json says
WINDOW, STRIDE = 64, 16  # tokens in a window, special ones included; tokens that neighbouring windows share


# Texts ---------------------------------------------------------------------------------------------------------------

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

PAIRS = [
    ("it rained all day", "the weather was bad"),
    ("", "an empty first text"),
    ("an empty second text", ""),
    ("a [SEP] inside", "and </s> here"),
    ("emoji 😀", "日本語 café"),
]

LABELS = ["sport", "world politics", "science and technology", "food, drink and cooking", "déjà vu"]
TEMPLATES = ["This example is {}.", "This text is about {}.", "{}"]


def long_texts(sentences, n):
    """n texts of some 130 to 400 tokens, longer than MAX_LENGTH."""
    rng = random.Random(3)
    return [", ".join(rng.sample(sentences, 8 + 3 * i)) + "." for i in range(n)]


def golden_texts(sentences):
    return AWKWARD + random.Random(1).sample(sentences, 6) + long_texts(sentences, 3)


def golden_pairs(sentences):
    first, second = long_texts(sentences, 2)
    drawn = random.Random(2).sample(sentences, 6)
    both = list(zip(drawn[:3], drawn[3:]))
    return PAIRS + both + [(first, "short"), ("short", first), (first, second), (second, first)]


# Tokenizers ----------------------------------------------------------------------------------------------------------


def training_lines(sentences, cased):
    """Plain sentences and the awkward texts, so that the vocabulary holds some of their characters as well."""
    lines = sentences[:4000] + AWKWARD
    return [line.capitalize() if i % 2 else line for i, line in enumerate(lines)] if cased else lines


def wordpiece(sentences, cls, lowercase):
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tok.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tok.train_from_iterator(
        training_lines(sentences, not lowercase),
        trainers.WordPieceTrainer(vocab_size=800, special_tokens=special, limit_alphabet=200, show_progress=False),
    )
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
            vocab_size=800,
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
            vocab_size=700,
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


class FirstOutput(torch.nn.Module):
    """Gives the logits, or the last hidden state, as the only output."""

    def __init__(self, model, inputs):
        super().__init__()
        self.model, self.inputs = model, inputs

    def forward(self, *tensors):
        return self.model(**dict(zip(self.inputs, tensors)))[0]


def export(fixture, model, path):
    path.parent.mkdir(exist_ok=True)
    ids = torch.randint(5, 100, (2, 9))
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    output = "last_hidden_state" if fixture.pooling else "logits"
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in fixture.inputs}
    axes[output] = {0: "batch_size", 1: "sequence_length"} if fixture.pooling else {0: "batch_size"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are constant by design
        torch.onnx.export(
            FirstOutput(model, fixture.inputs).eval(), tuple(example[name] for name in fixture.inputs), str(path),
            dynamo=False, opset_version=17, input_names=list(fixture.inputs), output_names=[output], dynamic_axes=axes,
        )  # fmt: skip


# Goldens -------------------------------------------------------------------------------------------------------------


def rounded(value):
    """The same structure with every number at 8 significant digits."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.8g}") if isinstance(value, (float, np.floating)) else value


def first_output(model, **encoded):
    """The model's first output for one encoded text or batch, as a NumPy array."""
    with torch.no_grad():
        return model(**encoded)[0].numpy()


def classification_golden(fixture, model, tokenizer, pipe, sentences):
    texts = golden_texts(sentences)
    encode = lambda *text: tokenizer(*text, truncation=True, return_tensors="pt")
    logits = [first_output(model, **encode(text))[0].tolist() for text in texts]
    golden = {"texts": texts, "logits": logits, "pipeline": pipe(texts, top_k=None, truncation=True)}
    if fixture.pairs:
        pairs = golden_pairs(sentences)
        golden["pairs"] = [
            {
                "text": first,
                "text_pair": second,
                "logits": first_output(model, **encode(first, second))[0].tolist(),
                "pipeline": pipe({"text": first, "text_pair": second}, top_k=None, truncation=True),
            }
            for first, second in pairs
        ]
    if fixture.windows:
        golden["max_length"], golden["stride"] = WINDOW, STRIDE
        golden["windows"] = [windows(model, tokenizer, text) for text in ["short text", *long_texts(sentences, 6)]]
    return golden


def windows(model, tokenizer, text):
    """Logits of the overlapping windows of a text, as the tokenizer cuts them."""
    encoded = tokenizer(text, truncation=True, max_length=WINDOW, stride=STRIDE, padding=True,
                        return_overflowing_tokens=True, return_tensors="pt")  # fmt: skip
    encoded.pop("overflow_to_sample_mapping")
    logits = first_output(model, **encoded)
    lengths = encoded["attention_mask"].sum(1).tolist()
    return {"text": text, "lengths": lengths, "logits": logits.tolist(),
            "mean": logits.mean(0).tolist(), "max": logits.max(0).tolist()}  # fmt: skip


def zero_shot_golden(pipe, sentences):
    texts = [AWKWARD[i] for i in (2, 4, 6, 7, 11, 14, 21, 26, 27, 30)]
    texts += random.Random(4).sample(sentences, 3) + long_texts(sentences, 2)
    runs = [(template, multi, LABELS) for template in TEMPLATES for multi in (False, True)]
    runs.append((TEMPLATES[0], False, LABELS[1:2]))  # a lone label is scored against contradiction
    return {"texts": texts, "runs": [
        {
            "hypothesis_template": template,
            "multi_label": multi,
            "candidate_labels": labels,
            "results": [
                [{"label": l, "score": s} for l, s in zip(r["labels"], r["scores"])]
                for r in pipe(texts, candidate_labels=labels, hypothesis_template=template, multi_label=multi)
            ],
        }
        for template, multi, labels in runs
    ]}  # fmt: skip


def golden(fixture, folder, sentences):
    """What the Python libraries say, loading the directory as any user would."""
    if fixture.pooling:
        encoder = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"})
        texts = golden_texts(sentences)
        embeddings = [encoder.encode(text, show_progress_bar=False).tolist() for text in texts]
        return {"max_seq_length": encoder.max_seq_length, "texts": texts, "embeddings": embeddings}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    data = classification_golden(fixture, model, tokenizer, pipe, sentences)
    if fixture.nli:
        pipe = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
        data["zero_shot"] = zero_shot_golden(pipe, sentences)
    return data


def check(fixture, folder, tokenizer, model, texts):
    """Max |difference| between ONNX Runtime and PyTorch, texts alone and in a padded batch; and the spread of outputs."""
    session = onnxruntime.InferenceSession(str(folder / fixture.onnx), providers=["CPUExecutionProvider"])
    diff, firsts = 0.0, []
    for batch in [[text] for text in texts] + [texts]:
        encoded = tokenizer(batch, truncation=True, max_length=MAX_LENGTH, padding="longest", return_tensors="pt")
        encoded = {name: encoded[name] for name in fixture.inputs}
        want = first_output(model, **encoded)
        got = session.run(None, {k: v.numpy() for k, v in encoded.items()})[0]
        diff = max(diff, float(np.abs(got - want).max()))
        firsts.append(want[0].reshape(-1)[:32])
    spread = float(np.std([f[: min(map(len, firsts))] for f in firsts], axis=0).min())
    return diff, spread


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


def write_fixture(fixture, sentences, output):
    tokenizer = fixture.tokenizer(sentences)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        model = write_model(fixture, tokenizer, folder)
        data = golden(fixture, folder, sentences)
        (folder / "model.safetensors").unlink()
        export(fixture, model, folder / fixture.onnx)
        diff, spread = check(fixture, folder, tokenizer, model, [text for text in data["texts"] if text.strip()])
        write_json(folder / "golden.json", rounded(data))
        target = output / fixture.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    size = (target / fixture.onnx).stat().st_size
    print(f"{fixture.name:18} onnx {size // 1000:4} kB   onnxruntime - torch {diff:.1e}   spread {spread:.2f}", flush=True)
    if diff > 1e-5 or spread < 0.05:
        sys.exit(f"make_testdata: {fixture.name} is no good as a fixture")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sentences", type=Path, default=ROOT / "testdata/wiki/wiki_sentences.txt",
                      help="plain sentences, one a line")  # fmt: skip
    args.add_argument("--only", help="names of fixtures, comma-separated")
    args.add_argument("--output", type=Path, default=ROOT / "testdata/models")
    args = args.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if not args.sentences.is_file():
        sys.exit(f"make_testdata: {args.sentences} is not there; name a file of sentences with --sentences")
    sentences = args.sentences.read_text(encoding="utf-8").splitlines()
    args.output.mkdir(parents=True, exist_ok=True)
    only = args.only.split(",") if args.only else [f.name for f in FIXTURES]
    for fixture in FIXTURES:
        if fixture.name in only:
            write_fixture(fixture, sentences, args.output)


if __name__ == "__main__":
    main()
