"""The parts of train.py, export.py and quantize.py. docs/training.md is their contract."""
