"""Stopping criteria as small-text decides, round by round; learning curves as SciPy fits them."""

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import csr_matrix
from small_text.stopping_criteria import (
    ClassificationChange, DeltaFScore, KappaAverage, OverallUncertainty,
    MaxIterations)


def settling(rng, rounds, items, classes):
    """Predictions of which fewer change from round to round, at last none."""
    predictions = [rng.integers(classes, size=items)]
    for r in range(1, rounds):
        change = rng.random(items) < 0.5 * (1 - r / (rounds - 2)) ** 2 if r < rounds - 2 else np.zeros(items, bool)
        predictions.append(np.where(change, rng.integers(classes, size=items), predictions[-1]))
    return predictions


def decide(criterion, key, values, **more):
    return [bool(criterion.stop(**{key: value}, **more)) for value in values]


def predicted(rng, name, make, settings, classes, items):
    rounds = settling(rng, 12, items, classes)
    return {"criterion": name, "settings": settings, "rounds": [r[:, None] for r in rounds],
            "stop": decide(make(), "predictions", rounds)}


def uncertain(rng, classes, threshold):
    rounds = []
    for sharpness in np.linspace(0.5, 12, 10):
        logits = rng.normal(size=(15, classes)) * sharpness
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        rounds.append((p / p.sum(axis=1, keepdims=True)).astype(np.float32))
    rounds[-1] = np.eye(classes, dtype=np.float32)[rng.integers(classes, size=15)]
    stop = decide(OverallUncertainty(classes, threshold=threshold), "proba", rounds, indices_stopping=np.arange(15))
    return {"threshold": threshold, "rounds": rounds, "stop": stop}


def multilabel(rng, threshold):
    dense = [rng.integers(2, size=(20, 4))]
    for change in (0.5, 0.2, 0.05, 0.02, 0, 0):
        dense.append(np.where(rng.random((20, 4)) < change, 1 - dense[-1], dense[-1]))
    stop = decide(ClassificationChange(4, threshold=threshold), "predictions", [csr_matrix(d) for d in dense])
    return {"criterion": "ClassificationChange", "settings": {"Threshold": threshold},
            "rounds": [[np.flatnonzero(row) for row in d] for d in dense], "stop": stop}


def learning(rng, a, b, c, total):
    """Error a + b * labels^-c, measured on total items; the least sum of squared residuals of such a curve to them."""
    labels = np.sort(rng.choice(np.arange(50, 2000), size=8, replace=False))
    error = a + b * labels ** -c
    correct = total - (rng.binomial(total, error) if total < 10**6 else np.round(total * error).astype(int))
    rate = (total - correct + 0.5) / (total + 1)
    sigma = np.sqrt(rate * (1 - rate) / total)

    def residuals(p):
        return (p[0] + p[1] * (labels / labels[-1]) ** -p[2] - rate) / sigma

    fits = [least_squares(residuals, [rate.min() / 2, rate.min() / 2, start], bounds=([0, 0, 0.05], [1, 1, 2]), xtol=1e-14,
                          ftol=1e-14, gtol=1e-14, max_nfev=10_000) for start in (0.1, 0.3, 0.7, 1.3, 1.9)]
    best = min(fits, key=lambda f: f.cost)
    return {"labels": labels, "correct": correct, "total": total, "squares": 2 * best.cost}


def cases(rng):
    stops = []
    for _ in range(3):
        for k, items in ((2, 40), (5, 100), (3, 1)):
            window, kappa = int(rng.integers(1, 5)), float(rng.choice([0.7, 0.9, 0.99]))
            stops.append(predicted(rng, "KappaAverage", lambda: KappaAverage(k, window_size=window, kappa=kappa),
                                   {"Window": window, "Kappa": kappa}, k, items))
            threshold = float(rng.choice([0.0, 0.05, 0.2]))
            stops.append(predicted(rng, "ClassificationChange", lambda: ClassificationChange(k, threshold=threshold),
                                   {"Threshold": threshold}, k, items))
        for items in (60, 1):
            window, threshold = int(rng.integers(1, 4)), float(rng.choice([0.05, 0.2]))
            stops.append(predicted(rng, "DeltaFScore", lambda: DeltaFScore(2, window_size=window, threshold=threshold),
                                   {"Window": window, "Threshold": threshold}, 2, items))
        stops.append(multilabel(rng, float(rng.choice([0.0, 0.1, 0.3]))))
        limit = int(rng.integers(1, 8))
        stops.append(predicted(rng, "MaxIterations", lambda: MaxIterations(limit), {"Max": limit}, 2, 4))
    return {
        "predictions": stops,
        "uncertainty": [uncertain(rng, k, t) for k in (2, 6) for t in (0.05, 0.2, 0.4)],
        "curves": [learning(rng, *curve) for curve in (
            (0.05, 3.0, 0.5, 10**8), (0.0, 2.0, 0.3, 10**8), (0.1, 20.0, 1.0, 10**8), (0.05, 3.0, 0.5, 1000), (0.0, 1.0, 0.2, 300))],
    }
