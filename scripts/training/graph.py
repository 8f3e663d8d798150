"""A model's ONNX graph as a home for weights: read by the names that PyTorch's modules give them, and written back.

What is trained is exported as the graph that it was read from, with other numbers: operators, opset and names stay, and
with them what a runtime makes of them, its speed among it. Needs numpy and onnx alone.
"""

import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .job import ConfigError

WEIGHTS = "model.onnx_data"
MIN_OPSET = 13  # the first where axes are an input everywhere that they are used here


def find(folder, stems):
    """The fp32 graph of a model folder; None where there is none."""
    return next((p for stem in stems for d in (folder, folder / "onnx") if (p := d / f"{stem}.onnx").is_file()), None)


def read_tensor(tensor, path):
    """A tensor of the graph at path as an array. Weights outside of the file may lie in its folder alone; there they may
    be hard links, as between versions of a model, which onnx's own reader takes for an attack."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return numpy_helper.to_array(tensor)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    home, dtype = path.resolve().parent, np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    file = (home / entries["location"]).resolve()
    if home not in file.parents:
        raise ConfigError(f"read {path}: {tensor.name} lies outside of its folder, at {entries['location']}")
    shape = tuple(tensor.dims)
    return np.array(np.memmap(file, dtype, "r", int(entries.get("offset", 0)), shape)) if 0 not in shape else np.zeros(shape, dtype)


class Graph:
    """tensors: {name: array} of all initializers. named: {PyTorch's name: (tensor's name, whether it is transposed)}."""

    def __init__(self, path):
        self.path = path
        try:
            self.model = onnx.load(path, load_external_data=False)
            self.tensors = {t.name: read_tensor(t, path) for t in self.model.graph.initializer}
        except ConfigError:
            raise
        except Exception as error:  # protobuf's and onnx's own are of many kinds
            raise ConfigError(f"read {path}: {error}") from error
        self.opset = next((o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), 0)
        if self.opset < MIN_OPSET:
            raise ConfigError(f"{path} is of opset {self.opset}; export it anew with {MIN_OPSET} or later")
        self.inputs = [i.name for i in self.model.graph.input if i.name not in self.tensors]
        self.outputs = [o.name for o in self.model.graph.output]
        self.named = self.names()

    def names(self):
        """Exporters keep parameters' names, but for the matrices that they transpose. Those are found by the bias that
        is added to their product, or by the scope that the product's own name tells."""
        known = {name: (name, False) for name in self.tensors}
        users = {}
        for node in self.model.graph.node:
            for name in node.input:
                users.setdefault(name, []).append(node)
            if node.op_type == "Identity" and node.input[0] in self.tensors:
                known[node.output[0]] = (node.input[0], False)  # of equal tensors one was kept
        for node in self.model.graph.node:
            if node.op_type != "MatMul" or node.input[1] not in self.tensors:
                continue
            product = node.output[0]
            biases = [n for user in users.get(product, []) if user.op_type == "Add" for n in user.input if n.endswith(".bias") and n in known]
            scope = re.sub(r"/MatMul(_\d+)?$", "", node.name).strip("/").replace("/", ".")
            name = (biases[0].removesuffix(".bias") if biases else scope) + ".weight"
            if name not in known:
                known[name] = (node.input[1], True)
        return known

    def resolve(self, parameters):
        """Return {PyTorch's name: name in named} for all of these {name: shape}, or None: the graph is of another network.

        What was exported may have been wrapped, which puts one prefix before all names, or be a part, which takes one away.
        Names that were read from scopes lack a wrapper's prefix."""
        common = {name.split(".")[0] + "." for name in parameters}
        for cut in ["", *common] if len(common) == 1 else [""]:
            short = {name: name.removeprefix(cut) for name in parameters}
            first = max(short.values(), key=len)
            for prefix in sorted({n.removesuffix(first) for n in self.named if n.endswith(first)}, key=len):
                found = {n: next((p for p in (prefix + s, s) if self.fits(p, parameters[n])), None) for n, s in short.items()}
                if None not in found.values():
                    return found
        return None

    def fits(self, name, shape):
        if name not in self.named:
            return False
        tensor, transposed = self.named[name]
        found = self.tensors[tensor].shape
        return tuple(shape) == (found[::-1] if transposed else found)

    def get(self, name):
        tensor, transposed = self.named[name]
        array = self.tensors[tensor]
        return np.array(array.T if transposed else array, np.float32)

    def put(self, name, array):
        """Replace a parameter. One that shared its tensor with others gets its own."""
        tensor, transposed = self.named[name]
        array = np.ascontiguousarray(array.T if transposed else array, np.float32)
        if name != tensor and not transposed:
            nodes = self.model.graph.node
            nodes.remove(next(n for n in nodes if n.op_type == "Identity" and n.output[0] == name))
            self.named[name] = (name, False)
            tensor = name
        self.tensors[tensor] = array

    def classifier(self):
        """The names of the matrix and the bias whose Gemm gives the logits, and whether that takes the matrix transposed
        (label by feature); None where the graph doesn't end so."""
        if "logits" not in self.outputs:
            return None
        node = next((n for n in self.model.graph.node if "logits" in n.output), None)
        if node is None or node.op_type != "Gemm" or len(node.input) < 3 or not all(n in self.tensors for n in node.input[1:3]):
            return None
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0:
            return None
        return node.input[1], node.input[2], bool(attributes.get("transB", 0))

    def set_classifier(self, weight, bias):
        """Replace the matrix [label, feature] and the bias that give the logits."""
        matrix, vector, transposed = self.classifier()
        self.tensors[matrix] = np.ascontiguousarray(weight if transposed else weight.T, np.float32)
        self.tensors[vector] = np.asarray(bias, np.float32)
        self.output("logits", ["batch", len(bias)])

    def add_classifier(self, output, pooling, weight, bias):
        """Add logits = weight . normalize(pool(output)) + bias, and make them the only output. pooling is mean or cls over
        [batch, sequence, feature], or "" where output is [batch, feature]."""
        nodes = self.model.graph.node

        def op(kind, *inputs, result=None, **attributes):
            result = result or f"classifier.{kind}_{len(nodes)}"
            nodes.append(helper.make_node(kind, inputs, [result], name=result, **attributes))
            return result

        def constant(name, value, dtype):
            self.tensors["classifier." + name] = np.array(value, dtype)
            return "classifier." + name

        x = output
        if pooling == "cls":
            x = op("Gather", x, constant("first", 0, np.int64), axis=1)
        elif pooling == "mean":  # the sum will do: its length falls out
            mask = op("Cast", op("Unsqueeze", "attention_mask", constant("axis", [1], np.int64)), to=TensorProto.FLOAT)
            x = op("Squeeze", op("MatMul", mask, x), "classifier.axis")
        length = op("Sqrt", op("ReduceSum", op("Mul", x, x), constant("last", [-1], np.int64), keepdims=1))
        x = op("Div", x, op("Max", length, constant("least", 1e-12, np.float32)))
        op("Gemm", x, constant("weight", weight, np.float32), constant("bias", bias, np.float32), result="logits", transB=1)
        self.output("logits", ["batch", len(bias)])

    def output(self, name, shape):
        del self.model.graph.output[:]
        self.model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.outputs = [name]

    def prune(self):
        """Drop nodes and tensors that no output needs any more. Graphs within nodes may use any tensor: theirs stay."""
        graph = self.model.graph
        needed = {o.name for o in graph.output}
        kept = []
        for node in reversed(graph.node):  # the format wants them in order
            if needed.isdisjoint(node.output):
                continue
            kept.append(node)
            needed.update(node.input)
            for attribute in node.attribute:
                if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
                    return
        del graph.node[:]
        graph.node.extend(reversed(kept))
        self.tensors = {name: array for name, array in self.tensors.items() if name in needed}

    def save(self, folder):
        """Write model.onnx, and its larger weights beside it, and check what was written."""
        self.prune()
        graph = self.model.graph
        del graph.initializer[:]
        graph.initializer.extend(numpy_helper.from_array(np.asarray(a, order="C"), n) for n, a in self.tensors.items())
        outside = sum(a.nbytes for a in self.tensors.values()) > 1 << 20
        path = folder / "model.onnx"
        onnx.save_model(self.model, path, save_as_external_data=outside, location=WEIGHTS, size_threshold=1024)
        onnx.checker.check_model(path)
        return path


def read_json(path):
    """Read a JSON object of a model folder; {} where there is none."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"read {path}: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"read {path}: want a JSON object")
    return value
