"""A trained module as a model folder in the layout of a Hugging Face export, compared with the module that it came from."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from .network import ENCODE_BATCH, TOLERANCE, difference, session

PROBES = 256  # items that PyTorch and ONNX Runtime are compared on
KEPT = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json", "LICENSE", "NOTICE")


def describe(twin, config, calibration, metrics):
    """config.json of the new model: the parent's, with the labels in the order of the outputs."""
    parent = {k: v for k, v in twin.config.items() if k not in ("id2label", "label2id", "num_labels", "labelloop", "text_config", "auto_map")}
    model_type = twin.config.get("model_type", "")
    if twin.pictures:
        names = transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
        fallback = "CLIPForImageClassification"
    else:
        names = transformers.models.auto.modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
        fallback = "BertForSequenceClassification"
    validation = {f"{k}_validation": v for k, v in metrics.get("validation", {}).items()}
    known = {"metrics": validation, "training_set_sha256": config.training_set_sha256, "calibration": calibration}
    return {
        **parent,
        "architectures": [names.get(model_type, fallback)],
        "problem_type": "multi_label_classification" if config.multi_label else "single_label_classification",
        "id2label": {str(i): label for i, label in enumerate(config.labels)},
        "label2id": {label: i for i, label in enumerate(config.labels)},
        "transformers_version": transformers.__version__,
        "labelloop": {k: v for k, v in known.items() if v},
    }


def write(twin, config, calibration, metrics, items, folder):
    """Write the model to folder, each file in one stroke; returns the largest difference of its logits and the module's."""
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        scratch = Path(scratch)
        graph = twin.export(scratch)
        found = compare(twin, graph, items, config.threads)
        for name in KEPT:
            if (twin.folder / name).is_file():
                shutil.copyfile(twin.folder / name, scratch / name)
        if not twin.pictures:
            limit(scratch / "tokenizer_config.json", twin)
        (scratch / "config.json").write_text(json.dumps(describe(twin, config, calibration, metrics), indent=2, ensure_ascii=False) + "\n", "utf-8")
        for path in sorted(scratch.iterdir()):
            path.replace(folder / path.name)
    return found


def limit(path, twin):
    """The longest text stands in sentence_bert_config.json for an encoder, which a classifier has not."""
    from .graph import read_json

    most = read_json(twin.folder / "sentence_bert_config.json").get("max_seq_length")
    if isinstance(most, int):
        path.write_text(json.dumps({**read_json(path), "model_max_length": most}, indent=2, ensure_ascii=False) + "\n", "utf-8")


def compare(twin, graph, items, threads):
    """The largest difference of the written graph's logits and the module's, which is an error where it is over the tolerance."""
    written = session(graph, threads)
    rows, lengths = twin.inputs.encode(items)
    order, worst = np.argsort(lengths, kind="stable"), 0.0
    for at in range(0, len(order), ENCODE_BATCH):
        batch = twin.inputs.batch([rows[i] for i in order[at : at + ENCODE_BATCH]])
        with torch.inference_mode():
            wanted = twin.module({name: torch.from_numpy(value) for name, value in batch.items()}).numpy()
        worst = max(worst, difference(written.run(["logits"], batch)[0], wanted))
    if worst > TOLERANCE:
        raise RuntimeError(f"the exported logits differ from PyTorch's by {worst:.2g}, {TOLERANCE:g} at most")
    return worst
