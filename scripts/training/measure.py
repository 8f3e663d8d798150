"""What is said of a classifier's logits, and the temperature that they want. numpy alone."""

import numpy as np


def log_loss(logits, targets, multi_label):
    """Mean negative log likelihood of the targets [item, label]; with several labels the mean over labels too."""
    logits = logits.astype(np.float64)
    if multi_label:
        return float((np.logaddexp(0, logits) - targets * logits).mean())
    top = logits.max(axis=1, keepdims=True)
    log_probs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float(-(targets * log_probs).sum(axis=1).mean())


def f1(predicted, targets):
    """F1 of each label that is there or was predicted."""
    both, either = (predicted * targets).sum(axis=0), predicted.sum(axis=0) + targets.sum(axis=0)
    return 2 * both[either > 0] / either[either > 0]


def measure(logits, targets, multi_label):
    """Accuracy (of several labels: share of items with exactly the right ones), macro-F1, log loss."""
    if multi_label:
        predicted = (logits > 0).astype(np.float32)
        accuracy = (predicted == targets).all(axis=1).mean()
    else:
        predicted = np.eye(targets.shape[1], dtype=np.float32)[logits.argmax(axis=1)]
        accuracy = (predicted * targets).sum(axis=1).mean()
    scores = f1(predicted, targets)
    return {
        "accuracy": round(float(accuracy), 5),
        "macro_f1": round(float(scores.mean()), 5) if len(scores) else 0.0,
        "log_loss": round(log_loss(logits, targets, multi_label), 5),
    }


def temperature(logits, targets, multi_label):
    """The T over which logits / T have the least log loss (Guo et al., ICML 2017), by golden section over log T, which
    the loss has one minimum in."""
    low, high, golden = -3.0, 3.0, (5**0.5 - 1) / 2
    loss = lambda t: log_loss(logits / np.exp(t), targets, multi_label)
    while high - low > 1e-6:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))
