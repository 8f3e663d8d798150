#!/usr/bin/env python3
"""Makes a model folder of conse-lite0's picture side without its classifier: EfficientNet-Lite0's 1,280 features, to train a head on.

    python scripts/cut_features.py --model .deps/models/conse-lite0 --out out/lite0-features
    labelloop simulate --data cifar10/train --test cifar10/test --model out/lite0-features --per-class 5,20,100 --seeds 10

docs/active-learning.md compares them with the embeddings that the model itself gives.
"""

import argparse
import json
import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnx.utils import Extractor

DIMENSIONS = 1280
OUTPUT = "pooler_output"  # of encoders of pictures in Hugging Face's exports


def cut(model):
    """Return the graph as far as what its one Gemm, the classifier, reads."""
    (classifier,) = (node for node in model.graph.node if node.op_type == "Gemm")
    (source,) = (node for node in model.graph.node if classifier.input[0] in node.output)
    source.output[0] = classifier.input[0] = OUTPUT
    model.graph.value_info.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", DIMENSIONS]))
    return Extractor(model).extract_model(["pixel_values"], [OUTPUT])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    part = cut(onnx.load(args.model / "vision_model.onnx"))
    args.out.mkdir(parents=True)
    onnx.save(part, args.out / "model.onnx")
    config = {"architectures": ["EfficientNetModel"], "model_type": "efficientnet", "image_size": 224, "hidden_dim": DIMENSIONS}
    (args.out / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copyfile(args.model / "preprocessor_config.json", args.out / "preprocessor_config.json")


if __name__ == "__main__":
    main()
