"""PyTorch's twin of a model that is kept as ONNX: the same numbers, and gradients."""

import math

import numpy as np
import onnxruntime
import torch
import transformers
from tokenizers import Tokenizer
from torch.nn import functional

from .graph import Graph, find, read_json
from .job import ConfigError

TOLERANCE = 1e-4  # of PyTorch and ONNX Runtime, relative to the largest output where that is over 1
PROBES = ["one", "what is the exchange rate for a transfer?", "a b c d e f g h i j k l m n o p q r s t u v w x y z"]
ENCODE_BATCH = 64
CLIP_SCALE = 100  # exp of the logit scale that CLIP's training ends at


def session(path, threads=0):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(a, b):
    """The largest difference, relative to the largest value where that is over 1."""
    return float(np.abs(a - b).max() / max(1.0, np.abs(b).max()))


class Texts:
    """Texts to input tensors, as the tokenizer.json of a folder says."""

    def __init__(self, folder, inputs, limit):
        path = folder / "tokenizer.json"
        try:
            self.tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exceptions
            raise ConfigError(f"read {path}: {error}") from error
        config = read_json(folder / "config.json")
        config = config.get("text_config", config)
        self.tokenizer.enable_truncation(limit)
        self.tokenizer.no_padding()
        self.pad, self.inputs = config.get("pad_token_id") or 0, inputs

    def encode(self, texts):
        """Return rows that batch takes, and their lengths."""
        rows = self.tokenizer.encode_batch(list(texts))
        return [(np.array(r.ids), np.array(r.type_ids)) for r in rows], np.array([len(r.ids) for r in rows])

    def batch(self, rows):
        """Return {input: int64 [row, token]}."""
        shape = (len(rows), max(len(ids) for ids, _ in rows))
        values = {"input_ids": np.full(shape, self.pad), "attention_mask": np.zeros(shape, int), "token_type_ids": np.zeros(shape, int)}
        for i, (ids, types) in enumerate(rows):
            values["input_ids"][i, : len(ids)], values["token_type_ids"][i, : len(ids)] = ids, types
            values["attention_mask"][i, : len(ids)] = 1
        return {name: values[name].astype(np.int64) for name in self.inputs}


class Pictures:
    """Paths of pictures to input tensors, as the preprocessor_config.json of a folder says."""

    def __init__(self, folder):
        self.processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False, local_files_only=True, trust_remote_code=False)

    def size(self):
        """Height and width of what the network sees."""
        size = (getattr(self.processor, "crop_size", None) if getattr(self.processor, "do_center_crop", False) else None) or self.processor.size
        return (size["height"], size["width"]) if "height" in size else (size["shortest_edge"],) * 2

    def encode(self, paths):
        return list(paths), np.ones(len(paths), int)

    def batch(self, paths):
        from PIL import Image

        pictures = []
        for path in paths:
            with Image.open(path) as picture:
                pictures.append(picture.convert("RGB"))
        return {"pixel_values": np.asarray(self.processor(images=pictures, return_tensors="np")["pixel_values"], np.float32)}


def readable(paths):
    """Split paths into indexes of pictures that can be read, and (path, what is wrong) of the rest."""
    from PIL import Image

    good, bad = [], []
    for i, path in enumerate(paths):
        try:
            with Image.open(path) as picture:
                picture.convert("RGB")
            good.append(i)
        except Exception as error:  # a decoder's errors are of many kinds
            bad.append((path, f"{type(error).__name__}: {error}"))
    return good, bad


class Classifier(torch.nn.Module):
    """logits = head(dropout(embedding)). The embedding is the encoder's, of length sqrt(features), so that its values are
    about 1, as the learning rates of a head presume; what is exported has the factor in the head."""

    def __init__(self, encoder, output, pooling, labels, features):
        super().__init__()
        self.encoder, self.output, self.pooling = encoder, output, pooling
        self.head = torch.nn.Linear(features, labels)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.dropout = torch.nn.Dropout(0.1)

    def embed(self, inputs):
        """[row, feature], of length 1."""
        x = getattr(self.encoder(**inputs), self.output)
        if self.pooling == "mean":
            x = (x * inputs["attention_mask"][:, :, None]).sum(1)
        elif self.pooling == "cls":
            x = x[:, 0]
        return functional.normalize(x.float(), dim=-1)

    def forward(self, inputs):
        return self.head(self.dropout(self.embed(inputs) * math.sqrt(self.head.in_features)))

    def relabel(self, rows, seed):
        self.head = relabelled(self.head, rows, seed)

    def set_linear(self, weight, bias):
        """Take over a head for embeddings of length 1."""
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor(weight / math.sqrt(self.head.in_features)))
            self.head.bias.copy_(torch.tensor(bias))

    def linear(self):
        """The head for embeddings of length 1: weight [label, feature], bias."""
        weight = self.head.weight.detach().float().cpu().numpy() * math.sqrt(self.head.in_features)
        return weight.astype(np.float32), self.head.bias.detach().float().cpu().numpy()


class Whole(torch.nn.Module):
    """A classifier of transformers, with the head that it has. The last linear layer of it gives the logits."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.last = [name for name, part in network.named_modules() if isinstance(part, torch.nn.Linear)][-1]

    @property
    def head(self):
        return self.network.get_submodule(self.last)

    def forward(self, inputs):
        return self.network(**inputs).logits

    def relabel(self, rows, seed):
        parent, _, name = self.last.rpartition(".")
        setattr(self.network.get_submodule(parent), name, relabelled(self.head, rows, seed))
        self.network.config.num_labels = len(rows)

    def linear(self):
        return self.head.weight.detach().numpy(), self.head.bias.detach().numpy()


def relabelled(old, rows, seed):
    """A linear layer with an output for each of rows: the old output of that number, or for None a new one."""
    new = torch.nn.Linear(old.in_features, len(rows))
    with torch.no_grad():
        new.weight.normal_(std=0.02, generator=torch.Generator().manual_seed(seed))
        new.bias.zero_()
        for i, row in enumerate(rows):
            if row is not None:
                new.weight[i], new.bias[i] = old.weight[row], old.bias[row]
    return new


class Twin:
    """A graph, and the module that computes the same. names: {the trained part's parameter: its name in the graph}."""

    def __init__(self, folder, pictures, settings, attention="eager"):
        self.folder, self.pictures, self.config = folder, pictures, read_json(folder / "config.json")
        if pictures and "text_config" in self.config:
            stems = ["vision_model"]
        else:
            stems = ["model", "vision_model"] if pictures else ["model"]
        path = find(folder, stems)
        if path is None:
            raise ConfigError(f"{folder} holds no {' or '.join(stem + '.onnx' for stem in stems)}")
        self.graph, self.session, self.attention = Graph(path), session(path, settings.threads), attention
        self.inputs = Pictures(folder) if pictures else Texts(folder, self.graph.inputs, settings.max_length)
        self.labels = self.parent_labels()
        for module, part, output in self.candidates():
            parameters = {name: value.shape for name, value in state(part)}
            self.names = self.graph.resolve(parameters)
            if self.names and self.agrees(module, part, output):
                self.module, self.part = module, part
                return
        raise ConfigError(f"{path} is no network that transformers builds for model_type {self.config.get('model_type')!r}, "
                          "or its weights have lost their names: only its outputs can be used (a head over its embeddings)")  # fmt: skip

    def parent_labels(self):
        """The labels that the graph was trained for, in order; [] for an encoder."""
        ids = self.config.get("id2label")
        if self.graph.classifier() is None or not isinstance(ids, dict):
            return []
        return [ids.get(str(i)) for i in range(len(ids))]

    def candidates(self):
        """What the graph may be: (module, the part of it whose weights have names, the output that tells)."""
        config = self.transformers_config()
        final, outputs = self.graph.classifier(), self.graph.outputs
        if final:
            auto = transformers.AutoModelForImageClassification if self.pictures else transformers.AutoModelForSequenceClassification
            if type(config) in auto._model_mapping and "vision_config" not in self.config:
                network = auto.from_config(config, attn_implementation=self.attention)
                yield Whole(network), network, "logits"
        for encoder, output, poolings in self.encoders(config):
            for pooling in poolings:
                if final:
                    weight, bias = (self.graph.tensors[name] for name in final[:2])
                    module = Classifier(encoder, output, pooling, *(weight if final[2] else weight.T).shape)
                    module.set_linear(weight if final[2] else weight.T, bias)
                    yield module, encoder, "logits"
                elif output in outputs:
                    yield Classifier(encoder, output, pooling, 1, self.features(output)), encoder, output

    def transformers_config(self):
        try:
            return transformers.AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # transformers' own are of many kinds
            raise ConfigError(f"read {self.folder / 'config.json'}: {error}") from error

    def encoders(self, config):
        """(encoder, its output, ways in which that may be pooled)."""
        if not self.pictures:
            encoder = transformers.AutoModel.from_config(config, attn_implementation=self.attention)
            if getattr(encoder, "pooler", None) is not None:
                encoder.pooler = None
            yield encoder, "last_hidden_state", self.poolings()
            return
        if "vision_config" in self.config:
            projected = getattr(config, "projection_dim", None)
            config = config.vision_config
            if config.model_type == "clip_vision_model":
                config.projection_dim = projected
                yield transformers.CLIPVisionModelWithProjection._from_config(config, attn_implementation=self.attention), "image_embeds", [""]
        yield transformers.AutoModel.from_config(config, attn_implementation=self.attention), "pooler_output", [""]

    def poolings(self):
        """What sentence-transformers' modules say; where the graph pools itself, what it does is tried."""
        pooling = read_json(self.folder / "1_Pooling" / "config.json")
        if not pooling or self.graph.classifier():
            return ["mean", "cls"]
        modes = [m for m in ("mean_tokens", "cls_token") if pooling.get("pooling_mode_" + m)]
        if len(modes) != 1:
            raise ConfigError(f"{self.folder / '1_Pooling' / 'config.json'}: want pooling by mean_tokens or cls_token alone")
        return [modes[0].split("_")[0]]

    def features(self, output):
        return self.session.run([output], self.probe())[0].shape[-1]

    def probe(self):
        """Inputs to compare outputs on."""
        if not self.pictures:
            rows, _ = self.inputs.encode(PROBES)
            return self.inputs.batch(rows)
        port = self.session.get_inputs()[0]
        size = self.inputs.size()
        return {port.name: np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)}

    def agrees(self, module, part, output):
        """Load the graph's weights, and say whether the module computes what the graph does."""
        with torch.no_grad():
            for name, value in state(part):
                value.copy_(torch.tensor(self.graph.get(self.names[name])))
            probe = self.probe()
            inputs = {name: torch.tensor(value) for name, value in probe.items()}
            module.eval()
            found = module(inputs) if output == "logits" else getattr(part(**inputs), output)
        wanted = self.session.run([output], probe)[0]
        return found.shape == wanted.shape and difference(found.numpy(), wanted) <= TOLERANCE

    def zero_shot(self, labels, templates):
        """The head [label, feature] by which a dual encoder chooses among labels, for embeddings of length 1; None where the
        folder has no text side in the same space."""
        path = find(self.folder, ["text_model"])
        if path is None or not isinstance(self.module, Classifier):
            return None
        text = session(path)
        if "text_embeds" not in [o.name for o in text.get_outputs()]:
            return None
        tokenizer = Texts(self.folder, [i.name for i in text.get_inputs()], self.config["text_config"].get("max_position_embeddings", 77))
        rows = []
        for label in labels:
            prompts, _ = tokenizer.encode([template.replace("{}", label) for template in templates])
            (embeds,) = text.run(["text_embeds"], tokenizer.batch(prompts))
            mean = (embeds / np.linalg.norm(embeds, axis=1, keepdims=True)).mean(axis=0)
            rows.append(mean / np.linalg.norm(mean))
        scale = read_json(self.folder / "config.json").get("labelloop", {}).get("logit_scale") or CLIP_SCALE
        head = np.array(rows, np.float32) * scale
        return head if head.shape[1] == self.module.head.in_features else None

    def relabel(self, labels, seed):
        """Give the module an output for each of these labels; those that the graph knew keep their weights."""
        rows = [self.labels.index(label) if label in self.labels else None for label in labels]
        self.module.relabel(rows, seed)

    def export(self, folder):
        """Write the module's weights into the graph, and that to folder; returns the largest difference of logits."""
        module = self.module.cpu().float().eval()
        head = {id(p) for p in module.head.parameters()}
        for name, value in state(self.part):
            if id(value) not in head:
                self.graph.put(self.names[name], value.detach().numpy())
        if self.graph.classifier():
            self.graph.set_classifier(*module.linear())
        else:
            self.graph.add_classifier(module.output, module.pooling, *module.linear())
        return self.graph.save(folder)


def state(part):
    """A module's parameters, and the statistics of its normalisations: (name, tensor)."""
    yield from part.named_parameters()
    for name, buffer in part.named_buffers():
        if buffer.is_floating_point() and name in part.state_dict():
            yield name, buffer
