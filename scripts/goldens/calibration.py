"""Calibrations and their measures, by scikit-learn, scipy and torch."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, precision_recall_curve

BINS = 10


def cases(rng):
    softmaxes = [softmax_case(rng, *shape) for shape in ((30, 2, 0), (150, 3, 0), (150, 3, 2), (200, 6, 0), (120, 2, 1))]
    sigmoids = [sigmoid_case(rng, *shape) for shape in ((40, 2, 0), (150, 4, 0), (150, 3, 2))]
    measures = [measured(*drawn(rng, n, digits)) for n, digits in ((1, 0), (2, 2), (30, 0), (200, 0), (200, 1), (101, 2), (50, -1))]
    return {"softmax": softmaxes, "sigmoid": sigmoids, "measures": measures}


def rounded(probs, digits):
    """float32, with ties where a number of digits is given."""
    return single(np.round(probs, digits) if digits else probs)


def single(values):
    return values.astype(np.float32).astype(np.float64)


def softmax_case(rng, n, classes, digits):
    """A model whose logits are off by a factor and a shift; every class is seen at least five times, some are wrong."""
    logits = rng.normal(0, 1.5, (n, classes))
    truth = softmax(logits, axis=1)
    while True:
        labels = np.array([rng.choice(classes, p=row) for row in truth])
        if np.bincount(labels, minlength=classes).min() >= 5 and (labels != truth.argmax(1)).sum() >= 3:
            break
    probs = rounded(softmax(rng.uniform(0.3, 3) * logits + rng.normal(0, 0.3, classes), axis=1), digits)
    z = np.log(np.clip(probs, 2**-52, 1 - 2**-52))
    picked = np.arange(n), labels
    temperature = fit_temperature(lambda t: -log_softmax(z / t, axis=1)[picked].mean())
    scale, bias = fit_vector(z, lambda s: torch.nn.functional.cross_entropy(s, torch.tensor(labels)))
    confidence, right = probs.max(1), probs.argmax(1) == labels
    return {
        "probs": probs, "labels": labels[:, None],
        "temperature": temperature, "tempered": softmax(z / temperature, axis=1),
        "vector": softmax(z * scale + bias, axis=1),
        "isotonic": isotonic(confidence, right),
        "nll": log_loss(labels, probs, labels=range(classes)),
        "brier": brier_score_loss(labels, probs, labels=range(classes), scale_by_half=False),
        "classwise": np.mean([ece(probs[:, k], labels == k, "uniform") for k in range(classes)]),
        "adaptive": np.mean([ece(probs[:, k], labels == k, "quantile") for k in range(classes)]),
    }  # fmt: skip


def sigmoid_case(rng, n, classes, digits):
    logits = rng.normal(0, 1.5, (n, classes))
    while True:
        applies = rng.random((n, classes)) < expit(logits)
        if min(applies.sum(0).min(), n - applies.sum(0).max()) >= 5:
            break
    probs = rounded(expit(rng.uniform(0.3, 3) * logits + rng.normal(0, 0.3, classes)), digits)
    z = logit(np.clip(probs, 2**-52, 1 - 2**-52))
    target = torch.tensor(applies.astype(np.float64))
    signed = np.where(applies, z, -z)
    temperature = fit_temperature(lambda t: np.logaddexp(0, -signed / t).mean())
    scale, bias = fit_vector(z, lambda s: torch.nn.functional.binary_cross_entropy_with_logits(s, target, reduction="sum") / n)
    return {
        "probs": probs, "labels": [np.flatnonzero(row) for row in applies],
        "temperature": temperature, "tempered": expit(z / temperature),
        "vector": expit(z * scale + bias),
        "isotonic": isotonic(probs.ravel(), applies.ravel()),
        "nll": np.mean([log_loss(applies[:, k], probs[:, k], labels=[0, 1]) for k in range(classes)]),
        "brier": np.mean([brier_score_loss(applies[:, k], probs[:, k]) for k in range(classes)]),
        "classwise": np.mean([ece(probs[:, k], applies[:, k], "uniform") for k in range(classes)]),
        "adaptive": np.mean([ece(probs[:, k], applies[:, k], "quantile") for k in range(classes)]),
    }  # fmt: skip


def fit_temperature(loss):
    found = minimize_scalar(lambda u: loss(np.exp(u)), bounds=(np.log(1e-3), np.log(1e3)), method="bounded", options={"xatol": 1e-11})
    return np.exp(found.x)


def fit_vector(z, loss):
    """Scales and biases by torch's L-BFGS, from the identity."""
    z = torch.tensor(z)
    scale = torch.ones(z.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(z.shape[1], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([scale, bias], max_iter=5000, tolerance_grad=1e-12, tolerance_change=1e-16, history_size=50, line_search_fn="strong_wolfe")  # fmt: skip

    def closure():
        search.zero_grad()
        value = loss(z * scale + bias)
        value.backward()
        return value

    for _ in range(3):
        search.step(closure)
    return scale.detach().numpy(), bias.detach().numpy()


def isotonic(probability, true):
    """What scikit-learn maps some probabilities to."""
    asked = np.concatenate([[0, 1], probability[:40], np.linspace(0.05, 0.95, 11)]).astype(np.float32).astype(np.float64)
    margin = 1 / (len(probability) + 2)
    fitted = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(probability, true.astype(float))
    return {"from": asked, "to": fitted.predict(asked)}


def drawn(rng, n, digits):
    """Confidences with ties where digits are given; all one and the same for -1."""
    confidence = rng.uniform(0.2, 1, n)
    right = rng.random(n) < confidence**2
    if digits < 0:
        confidence[:] = 0.75
    right[rng.integers(n)] = True  # precision_recall_curve knows no curve without a right one
    return rounded(confidence, max(digits, 0)), right


def counts(confidence, strategy):
    edges = np.linspace(0, 1, BINS + 1)
    if strategy == "quantile":
        edges = np.percentile(confidence, edges * 100)
    return np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)


def ece(confidence, right, strategy):
    accuracy, mean = calibration_curve(right, confidence, n_bins=BINS, strategy=strategy, pos_label=True)
    n = counts(confidence, strategy)
    return (n[n > 0] * abs(accuracy - mean)).sum() / n.sum()


def measured(confidence, right):
    case = {"confidence": confidence, "right": right}
    for strategy in ("uniform", "quantile"):
        accuracy, mean = calibration_curve(right, confidence, n_bins=BINS, strategy=strategy, pos_label=True)
        case[strategy] = {"accuracy": accuracy, "mean": mean, "samples": counts(confidence, strategy), "ece": ece(confidence, right, strategy)}  # fmt: skip
    precision, _, thresholds = precision_recall_curve(right, confidence)
    case["risk"] = {"confidence": thresholds[::-1], "risk": 1 - precision[:-1][::-1]}
    risk_at = dict(zip(thresholds, 1 - precision))
    case["area"] = np.mean([risk_at[c] for c in confidence])
    return case
