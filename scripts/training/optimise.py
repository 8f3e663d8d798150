"""Gradient descent that can be killed at any moment and goes on where it was, with the numbers that it would have had."""

import json
import math
import time

import numpy as np
import safetensors
import safetensors.torch
import torch

from .job import ConfigError, Interrupted, write_atomic

CHECKPOINT = "checkpoint.safetensors"
SORTED = 50  # batches that are sorted by length together: little padding, and still a new mixture in each epoch


def plan(lengths, size, seed, epoch):
    """Return the batches of an epoch, as arrays of indexes: random, but of like length."""
    random = np.random.default_rng([seed, 2, epoch])
    order = random.permutation(len(lengths))
    batches = []
    for at in range(0, len(order), size * SORTED):
        chunk = order[at : at + size * SORTED]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches += [chunk[i : i + size] for i in range(0, len(chunk), size)]
    return [batches[i] for i in random.permutation(len(batches))]


def groups(module, head, settings):
    """AdamW's parameter groups: the head learns faster; biases and normalisations do not decay."""
    of_head = {id(p) for p in head.parameters()}
    kinds = {}
    for parameter in module.parameters():
        if parameter.requires_grad:
            kinds.setdefault((id(parameter) in of_head, parameter.dim() > 1), []).append(parameter)
    return [
        {"params": params, "lr": settings.head_learning_rate if head else settings.rate(), "weight_decay": settings.weight_decay if decays else 0.0}
        for (head, decays), params in kinds.items()
    ]


class Descent:
    """Steps of AdamW (Loshchilov and Hutter, 2019), the rate rising over a first share of them and falling linearly to 0.

    loss(step, part) gives the loss of a part of a step; after(step), if any, is called when a step is done, and ends the
    descent by True. What after wants to keep over a restart stands in notes (JSON) and kept (tensors)."""

    def __init__(self, module, head, settings, folder, log, stop):
        self.module, self.settings, self.log, self.stop = module, settings, log, stop
        self.path = folder / CHECKPOINT
        self.optimizer = torch.optim.AdamW(groups(module, head, settings), fused=True)
        self.notes, self.kept = {}, {}
        self.seconds = 0.0

    def run(self, phase, steps, loss, after=None):
        warm = max(1, round(self.settings.warmup * steps))
        rate = lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
        rates = [group["lr"] for group in self.optimizer.param_groups]
        torch.manual_seed(self.settings.seed)
        begin = self.resume(phase, steps)
        saved = begun = time.monotonic()
        before, parts = self.seconds, self.settings.accumulation
        for step in range(begin, steps):
            self.seconds = before + time.monotonic() - begun
            if self.stop.asked or time.monotonic() - saved >= self.settings.checkpoint_seconds:
                self.save(phase, step, steps)
                saved = time.monotonic()
                if self.stop.asked:
                    raise Interrupted
            self.module.train()
            total = 0.0
            for part in range(parts):
                value = loss(step, part) / parts
                value.backward()
                total += value.item()
            if not math.isfinite(total):
                raise ConfigError(f"the loss is {total} at step {step + 1}: lower learning_rate, it is {self.settings.rate()}")
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            for group, full in zip(self.optimizer.param_groups, rates):
                group["lr"] = full * rate(step)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.log.step(phase, step + 1, steps, loss=round(total, 5))
            if after and after(step):
                break

    def trained(self):
        return {name: p for name, p in self.module.named_parameters() if p.requires_grad}

    def save(self, phase, step, steps):
        tensors = {"random": torch.get_rng_state(), **{f"kept.{n}": v for n, v in self.kept.items()}}
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        for name, p in self.trained().items():
            tensors["weight." + name] = p
            for key, value in self.optimizer.state[p].items():
                tensors[f"{key}.{name}"] = value
        tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        meta = {"phase": phase, "step": step, "steps": steps, "seconds": self.seconds, "notes": self.notes}
        write_atomic(self.path, safetensors.torch.save(tensors, {"state": json.dumps(meta)}))

    def resume(self, phase, steps):
        """Take up the checkpoint, if there is one, and return the step that comes next."""
        if not self.path.exists():
            return 0
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                meta = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            if (meta["phase"], meta["steps"]) != (phase, steps):
                raise ValueError(f"it is of {meta['steps']} steps of {meta['phase']}")
            with torch.no_grad():
                for name, p in self.trained().items():
                    p.copy_(tensors["weight." + name])
                    keys = ("exp_avg", "exp_avg_sq", "step")
                    self.optimizer.state[p] = {k: tensors[f"{k}.{name}"].to(p.device) for k in keys if f"{k}.{name}" in tensors}
        except (KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
            raise ConfigError(f"resume from {self.path}: {error}: remove it to begin anew") from error
        self.kept = {n.removeprefix("kept."): v for n, v in tensors.items() if n.startswith("kept.")}
        self.notes, self.seconds = meta["notes"], meta["seconds"]
        torch.set_rng_state(tensors["random"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        self.log("resumed", phase=phase, step=meta["step"], steps=steps)
        return meta["step"]


def fit_linear(x, targets, multi_label, weight, bias, penalty, item_weights=None):
    """Fit logits = x . weight^T + bias to targets by L-BFGS: mean cross-entropy (of each label by itself for several
    labels) + penalty/2 |weight - where it began|^2. Returns weight and bias. x: [item, feature], targets: [item, label]."""
    x, targets = torch.as_tensor(x), torch.as_tensor(targets)
    start = torch.as_tensor(weight).clone()
    weight, bias = start.clone().requires_grad_(), torch.as_tensor(bias).clone().requires_grad_()
    item_weights = torch.ones(len(x)) if item_weights is None else torch.as_tensor(item_weights)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, tolerance_grad=1e-6, tolerance_change=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        logits = x @ weight.T + bias
        if multi_label:
            losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)
        else:
            losses = -(targets * logits.log_softmax(1)).sum(1)
        value = (losses * item_weights).sum() / item_weights.sum() + penalty / 2 * ((weight - start) ** 2).sum()
        value.backward()
        return value

    optimizer.step(closure)
    return weight.detach().numpy(), bias.detach().numpy()
