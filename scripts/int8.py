"""Static int8 of the linear layers of a transformer's ONNX graph.

Weights are int8 with a scale per output channel, activations uint8 with one range per tensor, found once on samples, so that a
row's result does not depend on its batch; products are summed as integers and leave as floats. Where channels of an
activation differ much in size, they are divided by factors that the next weights are multiplied by (SmoothQuant, Xiao et al.
2023). Each layer gets the exponent, and then the range, with the least error on the samples, and weights that make up for each
other's rounding there (GPTQ, Frantar et al. 2023): rounding.py. Embedding tables are int8 with a scale per row. A product that is
an output of the graph, such as logits, is run once a row and stays fp32, and so does a Gemm, which poolers are: it takes no axis of
tokens, and the runtime makes floats of its integers again, and of those products whose bits depend on the number of rows.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import rounding

ROWS = 4096  # of an activation that are kept
TABLE = 1024  # rows from which an embedding table is quantized


def load(graph):
    """Read a model with the weights that it keeps outside, which onnx refuses to read where they are hard links."""
    files = {Path(graph).name}
    for tensor in onnx.load(graph, load_external_data=False).graph.initializer:
        files |= {entry.value for entry in tensor.external_data if entry.key == "location"}
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            shutil.copyfile(Path(graph).parent / name, Path(folder) / name)
        return onnx.load(Path(folder) / Path(graph).name)


def is_transformer(model):
    return any(node.op_type == "LayerNormalization" for node in model.graph.node)


def flag(node, name):
    return next((a.i for a in node.attribute if a.name == name), 0)


class Layers:
    """The products of a graph with constant matrices, by the activation that they share."""

    def __init__(self, model, skip=()):
        self.graph = model.graph
        self.constants = {t.name: t for t in model.graph.initializer}
        self.by_input = {}
        outputs = {port.name for port in model.graph.output}
        for node in model.graph.node:
            if node.name not in skip and node.output[0] not in outputs and self.is_linear(node):
                self.by_input.setdefault(node.input[0], []).append(node)

    def is_linear(self, node):
        if node.op_type != "MatMul" or node.input[1] not in self.constants:
            return False
        weights = self.constants[node.input[1]]
        return len(weights.dims) == 2 and weights.data_type == TensorProto.FLOAT

    def weights(self, node):
        """The matrix, inputs x outputs."""
        return numpy_helper.to_array(self.constants[node.input[1]])


class Activation:
    """What was seen of a tensor: lowest and highest value of each channel, and some rows."""

    def __init__(self):
        self.low, self.high, self.rows = np.inf, -np.inf, []

    def add(self, values, keep, rng):
        self.low, self.high = np.minimum(self.low, values.min(0)), np.maximum(self.high, values.max(0))
        self.rows.append(values[rng.choice(len(values), min(keep, len(values)), replace=False)])


def observe(model, batches, threads):
    """Run a model on batches of its inputs; returns an Activation for each input of a linear layer. Padding is left out."""
    names = list(Layers(model).by_input)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    seen, rng = {name: Activation() for name in names}, np.random.default_rng(0)
    for batch in batches:
        mask = batch.get("attention_mask")
        for name, values in zip(names, session.run(None, batch)):
            if mask is not None and values.shape[:2] == mask.shape:
                values = values[mask.astype(bool)]
            seen[name].add(values.reshape(-1, values.shape[-1]), -(-ROWS // len(batches)), rng)
    for activation in seen.values():
        activation.rows = np.concatenate(activation.rows)
    return seen


class Rewriter:
    """Builds the quantized graph: new constants, and nodes that come before those that were there."""

    def __init__(self, model, skip):
        self.graph, self.layers = model.graph, Layers(model, skip)
        self.before = {}  # id of a node -> nodes to put before it
        self.producers = {name: node for node in model.graph.node for name in node.output}

    def constant(self, name, values):
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def put(self, at, op, inputs, output, **attributes):
        self.before.setdefault(id(at), []).append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def divide(self, name, factors, nodes):
        """Divide an activation by its factors: in the normalisation that makes it, where that has constants and no one else reads it."""
        producer = self.producers.get(name)
        readers = [node for node in self.graph.node if name in node.input]
        normalised = producer is not None and producer.op_type == "LayerNormalization"
        if normalised and len(readers) == len(nodes) and all(part in self.layers.constants for part in producer.input[1:]):
            for i in range(1, len(producer.input)):
                values = numpy_helper.to_array(self.layers.constants[producer.input[i]])
                producer.input[i] = self.constant(f"{name}_part{i}", values / factors)
            return name
        return self.put(nodes[0], "Mul", [name, self.constant(f"{name}_inverse", 1 / factors)], f"{name}_even")

    def linear(self, name, nodes, activation):
        matrix = np.concatenate([self.layers.weights(node) for node in nodes], 1)
        factors, scale, zero = rounding.settle(activation, matrix)
        integers, columns = rounding.compensated(matrix * factors[:, None], activation.rows / factors)
        source = name if (factors == 1).all() else self.divide(name, factors, nodes)
        grid = [self.constant(f"{name}_scale", scale), self.constant(f"{name}_zero", zero)]
        quantized = self.put(nodes[0], "QuantizeLinear", [source, *grid], f"{name}_uint8")
        ends = np.cumsum([self.layers.weights(node).shape[1] for node in nodes])[:-1]
        for node, part, scales in zip(nodes, np.split(integers, ends, 1), np.split(columns, ends)):
            out = node.output[0]
            weights = [self.constant(f"{out}_int8", part), self.constant(f"{out}_columns", scales)]
            weights.append(self.constant(f"{out}_zeros", np.zeros(len(scales), np.int8)))
            node.input[0] = self.put(node, "DequantizeLinear", [quantized, *grid], f"{out}_input")
            node.input[1] = self.put(node, "DequantizeLinear", weights, f"{out}_weights", axis=1)

    def tables(self):
        for node in list(self.graph.node):
            table = self.layers.constants.get(node.input[0]) if node.op_type == "Gather" else None
            if table is None or len(table.dims) != 2 or table.dims[0] < TABLE or table.data_type != TensorProto.FLOAT or flag(node, "axis"):
                continue
            out, ids = node.output[0], node.input[1]
            integers, rows = rounding.int8(numpy_helper.to_array(table), 1)
            scales = self.put(node, "Gather", [self.constant(f"{out}_rows", rows[:, None]), ids], f"{out}_scales")
            picked = self.put(node, "Gather", [self.constant(f"{out}_int8", integers), ids], f"{out}_picked")
            picked = self.put(node, "Cast", [picked], f"{out}_floats", to=TensorProto.FLOAT)
            node.CopyFrom(helper.make_node("Mul", [picked, scales], [out], name=node.name))

    def finish(self):
        """Put the new nodes into the graph and drop constants that no one reads any more."""
        nodes = [copy(n) for node in self.graph.node for n in (*self.before.get(id(node), ()), node)]
        read = {name for node in nodes for name in node.input}
        constants = [copy(t) for t in self.graph.initializer if t.name in read]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(nodes)
        self.graph.initializer.extend(constants)


def copy(message):
    other = type(message)()
    other.CopyFrom(message)
    return other


def quantize(model, seen, skip=()):
    """Quantize a model in place, by what observe saw; nodes whose names are in skip stay as they are."""
    rewriter = Rewriter(model, skip)
    for name, nodes in rewriter.layers.by_input.items():
        rewriter.linear(name, nodes, seen[name])
    rewriter.tables()
    rewriter.finish()
