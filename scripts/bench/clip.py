"""CLIP ViT-B/32 with random weights: what its contenders share."""

import json

LABELS = ["cat", "dog", "horse", "bee", "owl", "castle", "bridge", "flower", "rocket", "ball"]
TEMPLATE = "This is a photo of {}."
TORCH = "torch"  # folder of the weights for PyTorch


def many_labels(conse, n):
    """Return the first n names of the classes of ImageNet, which the model conse-lite0 keeps."""
    names = json.loads((conse / "config.json").read_text("utf-8"))["id2label"]
    return [names[str(i)] for i in range(n)]


def open_torch(model):
    """Return model, image processor and tokenizer of a model directory."""
    import transformers  # here, as those who only ask for the labels do not want it

    transformers.logging.set_verbosity_error()
    folder = model / TORCH
    return (
        transformers.CLIPModel.from_pretrained(folder).eval(),
        transformers.CLIPImageProcessor.from_pretrained(model),
        transformers.PreTrainedTokenizerFast.from_pretrained(model),
    )
