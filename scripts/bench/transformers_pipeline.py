#!/usr/bin/env python3
"""Contender: the text-classification pipeline of transformers, on PyTorch, batches of 32."""

import onnx
import torch
import transformers
from onnx import numpy_helper
from transformers.modeling_outputs import SequenceClassifierOutput

import contender


class MeanPooledBert(transformers.BertPreTrainedModel):
    """BERT with a linear layer on the normalised mean of its hidden states: minilm-clinc150 as a PyTorch module."""

    def __init__(self, config):
        super().__init__(config)
        self.bert = transformers.BertModel(config, add_pooling_layer=False)
        self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        total = (hidden * attention_mask.unsqueeze(-1)).sum(dim=1)
        return SequenceClassifierOutput(logits=self.classifier(torch.nn.functional.normalize(total)))


def weights(path):
    """Return the weights of a minilm-clinc150 graph under PyTorch's names."""
    state = {}
    for tensor in onnx.load(path).graph.initializer:
        name, array = tensor.name, numpy_helper.to_array(tensor)
        if name.startswith("const_"):
            continue
        if name.startswith(("embeddings.", "encoder.")):
            name = "bert." + name
        if name.endswith(".kernel"):
            name, array = name.removesuffix("kernel") + "weight", array.T
        state[name] = torch.tensor(array)
    return state


def load(args):
    model = args.model
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)  # it does not know the class, and says so
    torch.set_num_threads(args.threads)
    if (model / "model.safetensors").exists():
        classifier = transformers.AutoModelForSequenceClassification.from_pretrained(model)
    else:
        classifier = MeanPooledBert(transformers.AutoConfig.from_pretrained(model)).eval()
        classifier.load_state_dict(weights(model / "model.onnx"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    pipeline = transformers.pipeline(
        "text-classification", model=classifier, tokenizer=tokenizer, device="cpu", batch_size=contender.BATCH
    )

    def label(texts):
        return [best["label"] for best in pipeline(texts, truncation=True, max_length=contender.MAX_TOKENS)]

    return label


if __name__ == "__main__":
    contender.main(load)
