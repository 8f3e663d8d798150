"""The ways to train: each leaves a module whose logits are what the examples ask for."""

import math

import numpy as np
import torch
from torch.nn import functional

from .job import ConfigError
from .measure import measure
from .network import ENCODE_BATCH, Classifier
from .optimise import Descent, fit_linear, plan
from .settings import Examples

STRENGTH = 10.0  # C of a linear head over embeddings of length 1, as scikit-learn counts it
SHARPNESS = 20.0  # what cosines are multiplied by before a softmax; it is the native head's, too
HEAD_PENALTY = lambda items: 1 / (STRENGTH * items)


class Bench:
    """A module with its examples, ready to be trained: what all methods need."""

    def __init__(self, twin, train, validation, settings, folder, log, stop):
        self.twin, self.module, self.settings = twin, twin.module, settings
        self.folder, self.log, self.stop = folder, log, stop
        self.device = torch.device(settings.device)
        self.autocast = settings.precision == "bf16"
        self.train, self.validation = train, validation
        self.rows, self.lengths = twin.inputs.encode(train.items)
        self.validation_rows, self.validation_lengths = twin.inputs.encode(validation.items) if len(validation) else ([], np.array([]))
        self.weights = self.label_weights()
        for part in self.module.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = settings.dropout
        self.module.to(self.device)

    def label_weights(self):
        """[label]: 1, or the inverse of a label's number over the mean of that (scikit-learn's "balanced")."""
        counts = self.train.targets.sum(axis=0)
        if not self.settings.class_weights:
            return torch.ones(len(counts), device=self.device)
        balanced = counts.sum() / np.maximum(counts, 1) / max((counts > 0).sum(), 1)
        return torch.tensor(np.where(counts > 0, balanced, 1), dtype=torch.float32, device=self.device)

    def add_names(self):
        """Make each label's name one more text with that label: of few, that is much."""
        if self.train.pictures:
            return
        names = [label.replace("_", " ") for label in self.settings.labels]
        rows, lengths = self.twin.inputs.encode(names)
        self.rows, self.lengths = [*self.rows, *rows], np.concatenate([self.lengths, lengths])
        targets = np.concatenate([self.train.targets, np.eye(len(names), dtype=np.float32)])
        self.train = Examples([*self.train.items, *names], targets, pictures=False)

    def tensors(self, rows, indexes):
        batch = self.twin.inputs.batch([rows[i] for i in indexes])
        return {name: torch.from_numpy(value).to(self.device) for name, value in batch.items()}

    def precision(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def outputs(self, call, rows, lengths):
        """call's outputs, a row for each of rows, without gradients."""
        self.module.eval()
        order, found = np.argsort(lengths, kind="stable"), None
        with torch.inference_mode(), self.precision():
            for at in range(0, len(order), ENCODE_BATCH):
                self.stop.check()
                part = order[at : at + ENCODE_BATCH]
                values = call(self.tensors(rows, part)).float().cpu().numpy()
                if found is None:
                    found = np.zeros((len(rows), values.shape[1]), np.float32)
                found[part] = values
        return found

    def loss(self, indexes):
        """Cross-entropy of the training examples at indexes, with label smoothing and weights."""
        targets = torch.from_numpy(self.train.targets[indexes]).to(self.device)
        with self.precision():
            logits = self.module(self.tensors(self.rows, indexes))
        smoothing = self.settings.label_smoothing
        if self.settings.multi_label:
            goal = targets * (1 - smoothing) + smoothing / 2
            weights = torch.where(targets > 0, self.weights, torch.ones_like(targets))
            return functional.binary_cross_entropy_with_logits(logits.float(), goal, weight=weights)
        return functional.cross_entropy(logits.float(), targets.argmax(1), weight=self.weights, label_smoothing=smoothing)

    def validate(self):
        logits = self.outputs(self.module, self.validation_rows, self.validation_lengths)
        return measure(logits, self.validation.targets, self.settings.multi_label)

    def probe(self):
        """Fit the head to the embeddings as they are. Fine-tuning from there distorts them less (Kumar et al., ICLR 2022)."""
        if not isinstance(self.module, Classifier):
            raise ConfigError("the model is a classifier without an embedding of its own: method probe, setfit and wiseft want an encoder")
        x = self.outputs(self.module.embed, self.rows, self.lengths)
        weight, bias = self.module.linear()
        item_weights = (self.train.targets * self.weights.cpu().numpy()).sum(axis=1) if not self.settings.multi_label else None
        self.module.set_linear(*fit_linear(x, self.train.targets, self.settings.multi_label, weight, bias, HEAD_PENALTY(len(x)), item_weights))

    def finetune(self):
        """Train all that takes gradients; keep the weights of the best epoch."""
        size = self.settings.batch_size * self.settings.accumulation
        per_epoch = math.ceil(len(self.rows) / size)
        steps = per_epoch * self.settings.epochs
        descent = Descent(self.module, self.module.head, self.settings, self.folder, self.log, self.stop)
        batches = {}

        def loss(step, part):
            epoch, at = divmod(step, per_epoch)
            if epoch not in batches:
                batches.clear()
                batches[epoch] = plan(self.lengths, size, self.settings.seed, epoch)
            return self.loss(np.array_split(batches[epoch][at], self.settings.accumulation)[part])

        def after(step):
            if (step + 1) % per_epoch or not len(self.validation):
                return False
            return self.judge_epoch((step + 1) // per_epoch, descent)

        descent.run("train", steps, loss, after)
        if descent.kept:
            restore(self.module, descent.kept)
        return {"epochs": descent.notes.get("epochs", self.settings.epochs), "train_seconds": round(descent.seconds, 1)}

    def judge_epoch(self, epoch, descent):
        """Measure an epoch; says whether to stop early."""
        found, notes = self.validate(), descent.notes
        self.log("epoch", epoch=epoch, epochs=self.settings.epochs, validation=found)
        notes["epochs"] = epoch
        score = [found["macro_f1" if self.settings.multi_label else "accuracy"], -found["log_loss"]]
        if score > notes.get("score", [-1.0]):
            notes["score"], notes["best"] = score, epoch
            descent.kept = {name: value.detach().clone() for name, value in descent.trained().items()}
        return self.settings.patience > 0 and epoch - notes["best"] >= self.settings.patience


def restore(module, weights):
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)


def finetune(bench):
    if isinstance(bench.module, Classifier):
        bench.probe()
    return bench.finetune()


def lora(bench):
    """Train a low-rank change of each linear layer (Hu et al., ICLR 2022), and merge it."""
    import peft

    part = bench.twin.part
    head = bench.module.head
    layers = [name for name, layer in part.named_modules() if isinstance(layer, torch.nn.Linear) and layer is not head]
    if isinstance(bench.module, Classifier):
        bench.probe()
    config = peft.LoraConfig(r=bench.settings.lora_rank, lora_alpha=bench.settings.lora_alpha, target_modules=layers,
                             lora_dropout=bench.settings.dropout)  # fmt: skip
    torch.manual_seed(bench.settings.seed)
    for parameter in part.parameters():
        parameter.requires_grad_(False)
    adapted = peft.get_peft_model(part, config)  # changes part's layers in place
    for parameter in head.parameters():
        parameter.requires_grad_(True)
    bench.module.to(bench.device)
    metrics = bench.finetune()
    adapted.merge_and_unload()
    return metrics


def probe(bench):
    bench.probe()
    return {}


def setfit(bench):
    """Pull the embeddings of a label together and those of different ones apart, then fit a head (Tunstall et al., 2022).

    SetFit draws pairs and asks for a cosine of 1 or 0, which made minilm no better on Banking77 (docs/training.md). Here all
    pairs of a batch are looked at, and a text's likest ought to be of its label, by a softmax over the others' cosines
    (Khosla et al., "Supervised contrastive learning", NeurIPS 2020): labels that are akin may stay near each other."""
    settings, module = bench.settings, bench.module
    if not isinstance(module, Classifier):
        return bench.probe()
    bench.add_names()
    members = [np.flatnonzero(bench.train.classes == label) for label in range(len(settings.labels))]
    members = [m for m in members if len(m)]
    if len(members) < 2:
        raise ConfigError("setfit: the training set holds one label alone")
    descent = Descent(module, module.head, settings, bench.folder, bench.log, bench.stop)

    def loss(step, part):
        random = np.random.default_rng([settings.seed, 3, step, part])
        chosen = random.permutation(len(members))[: max(2, settings.pairs_batch // 2)]
        each = max(2, settings.pairs_batch // len(chosen))
        picked = np.concatenate([random.choice(members[c], each, replace=len(members[c]) < each) for c in chosen])
        picked = picked[np.argsort(bench.lengths[picked], kind="stable")]
        with bench.precision():  # texts of like length at once: little padding
            x = torch.cat([module.embed(bench.tensors(bench.rows, few)) for few in np.array_split(picked, math.ceil(len(picked) / 12))])
        itself = torch.eye(len(x), dtype=torch.bool, device=bench.device)
        labels = torch.from_numpy(bench.train.classes[picked]).to(bench.device)
        same = (labels[:, None] == labels[None, :]) & ~itself
        return -(x @ x.T * SHARPNESS).masked_fill(itself, -math.inf).log_softmax(1)[same].mean()

    descent.run("pairs", settings.pairs_steps, loss)
    bench.probe()
    return {"train_seconds": round(descent.seconds, 1)}


def wiseft(bench):
    """Fine-tune from the zero-shot classifier, or a probe where there is none, and go part of the way between both: better
    than either on data unlike the training set, and seldom worse on data like it (Wortsman et al., CVPR 2022)."""
    zero_shot = bench.twin.zero_shot(bench.settings.labels, bench.settings.templates) if bench.twin.pictures else None
    if zero_shot is None:
        bench.probe()
    else:
        bench.module.set_linear(zero_shot, np.zeros(len(zero_shot), np.float32))
    begin = {name: value.detach().clone() for name, value in bench.module.named_parameters()}
    metrics = bench.finetune()
    end = {name: value.detach().clone() for name, value in bench.module.named_parameters()}
    share = bench.settings.interpolation
    tried = [share] if share is not None else [i / 10 for i in range(11)] if len(bench.validation) else [0.5]
    best = None
    for share in tried:
        restore(bench.module, {name: begin[name].lerp(end[name], share) for name in begin})
        found = bench.validate() if len(bench.validation) else {}
        score = (found.get("accuracy", 0), -found.get("log_loss", 0))
        bench.log("interpolation", share=share, validation=found)
        if best is None or score > best[0]:
            best = score, share
    restore(bench.module, {name: begin[name].lerp(end[name], best[1]) for name in begin})
    return {**metrics, "interpolation": best[1]}


METHODS = {"finetune": finetune, "lora": lora, "setfit": setfit, "probe": probe, "wiseft": wiseft}
