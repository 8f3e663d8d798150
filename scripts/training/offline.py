"""Imported before other libraries, it keeps them from asking another host for anything, and from telling one."""

import os

os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false"
)  # fmt: skip
