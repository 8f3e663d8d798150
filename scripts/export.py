#!/usr/bin/env python3
"""Export a model that PyTorch keeps (config.json, model.safetensors) to the ONNX that labelloop reads.

    python scripts/export.py --config CONFIG.json --out DIR

For models that were trained elsewhere: train.py writes ONNX by itself. Texts and pictures may be in any number, and texts of
any length; pooling, softmax and sigmoid are left to labelloop. What was written is compared with PyTorch. Weights are read
from safetensors alone, and no code that comes with the model is run. docs/training.md describes the settings, the folder, the
log and the exit codes.
"""

import dataclasses
import shutil
import tempfile
import warnings
from pathlib import Path

from training import job
from training.job import ConfigError

KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json", "modules.json",
        "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json", "README.md", "LICENSE", "NOTICE")  # fmt: skip
TOLERANCE = 1e-4


@dataclasses.dataclass
class Export:
    model: Path  # folder with config.json and model.safetensors
    opset: int = 17

    def check(self):
        for name in ("config.json", "model.safetensors"):
            if not (self.model / name).is_file():
                raise ConfigError(f"{self.model} holds no {name}")
        if not 14 <= self.opset <= 20:
            raise ConfigError(f"opset is {self.opset}, want 14 to 20")

    def inputs(self):
        """The files that make this job what it is, beside the settings."""
        return [self.model / "config.json", self.model / "model.safetensors"]


def parts(model, config, folder):
    """The graphs to write: (file's stem, callable, its inputs, the name of its output)."""
    texts = [n for n in ("input_ids", "attention_mask", "token_type_ids") if n != "token_type_ids" or getattr(config, "type_vocab_size", 0) > 1]
    if hasattr(model, "get_image_features"):
        yield "vision_model", model.get_image_features, ["pixel_values"], "image_embeds"
        yield "text_model", model.get_text_features, texts[:2], "text_embeds"
    elif (folder / "tokenizer.json").is_file():
        classifies = hasattr(model, "classifier") or hasattr(model, "score")
        yield "model", model, texts, "logits" if classifies else "last_hidden_state"
    else:
        yield "model", model, ["pixel_values"], "logits" if hasattr(model, "classifier") else "pooler_output"


def load(folder):
    """The network that config.json names, with the weights of model.safetensors."""
    import transformers

    transformers.logging.set_verbosity_error()
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        name = (config.architectures or [""])[0]
        auto = transformers.AutoModel
        for suffix, of in [("ForSequenceClassification", transformers.AutoModelForSequenceClassification),
                           ("ForImageClassification", transformers.AutoModelForImageClassification)]:  # fmt: skip
            auto = of if name.endswith(suffix) else auto
        model = auto.from_pretrained(folder, config=config, local_files_only=True, trust_remote_code=False, use_safetensors=True,
                                     attn_implementation="eager")  # fmt: skip
    except Exception as error:  # transformers' own are of many kinds
        raise ConfigError(f"load {folder}: {error}") from error
    return model.float().eval(), config


def examples(config, inputs, rows, tokens):
    """Random inputs of a size."""
    import torch

    torch.manual_seed(rows)
    vision = getattr(config, "vision_config", config)
    vocabulary = getattr(getattr(config, "text_config", config), "vocab_size", 0)
    made = {}
    for name in inputs:
        if name == "pixel_values":
            size = vision.image_size if isinstance(getattr(vision, "image_size", 224), int) else 224
            made[name] = torch.randn(rows, getattr(vision, "num_channels", 3), size, size)
        elif name == "input_ids":
            made[name] = torch.randint(min(5, vocabulary - 1), vocabulary, (rows, tokens))
        else:
            made[name] = torch.full((rows, tokens), int(name == "attention_mask"))
    return made


def write(call, config, inputs, output, opset, path):
    """Export a callable; returns the largest difference of the file's output and the callable's over several sizes."""
    import torch

    from training.network import difference, session

    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = getattr(call, "__self__", call)

        def forward(self, *tensors):
            found = call(**dict(zip(inputs, tensors)))
            return found if isinstance(found, torch.Tensor) else getattr(found, output)

    part = Part().eval()
    axes = {name: {0: "batch"} if name == "pixel_values" else {0: "batch", 1: "sequence"} for name in inputs}
    axes[output] = {0: "batch", 1: "sequence"} if output == "last_hidden_state" else {0: "batch"}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(part, tuple(examples(config, inputs, 2, 9).values()), str(path), dynamo=False, opset_version=opset,
                          input_names=list(inputs), output_names=[output], dynamic_axes=axes)  # fmt: skip
        written, worst = session(path), 0.0
        for rows, tokens in [(1, 5), (3, 24)]:
            made = examples(config, inputs, rows, tokens)
            (found,) = written.run([output], {name: value.numpy() for name, value in made.items()})
            worst = max(worst, difference(found, part(*made.values()).numpy()))
    if worst > TOLERANCE:
        raise RuntimeError(f"{path.name} differs from PyTorch by {worst:.2g}, {TOLERANCE:g} at most")
    return worst


def work(config, folder, log, stop):
    model, described = load(config.model)
    metrics = {}
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        scratch = Path(scratch)
        graphs = list(parts(model, described, config.model))
        for at, (stem, call, inputs, output) in enumerate(graphs):
            stop.check()
            metrics[f"{stem}_difference"] = write(call, described, inputs, output, config.opset, scratch / f"{stem}.onnx")
            log.step("export", at + 1, len(graphs), graph=stem, difference=metrics[f"{stem}_difference"])
        for name in KEPT:
            if (config.model / name).is_file():
                (scratch / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(config.model / name, scratch / name)
        for path in sorted(p for p in scratch.rglob("*") if p.is_file()):
            target = folder / path.relative_to(scratch)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
    return metrics


if __name__ == "__main__":
    job.main(__doc__, Export, work)
