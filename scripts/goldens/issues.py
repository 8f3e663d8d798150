"""Label issues, noise and label scores: what cleanlab computes."""

from unittest import mock

import numpy as np
from cleanlab import count, filter, rank
from cleanlab.multilabel_classification import filter as multilabel_filter
from cleanlab.multilabel_classification import rank as multilabel_rank

PRUNE = ["prune_by_noise_rate", "prune_by_class", "both", "confident_learning"]
LOW = ["low_normalized_margin", "low_self_confidence"]
SCORES = {
    "self_confidence": ("self_confidence", False),
    "normalized_margin": ("normalized_margin", False),
    "confidence_weighted_entropy": ("confidence_weighted_entropy", False),
    "adjusted_self_confidence": ("self_confidence", True),
    "adjusted_normalized_margin": ("normalized_margin", True),
}

argsort = np.argsort


def stable(a, axis=-1):
    """numpy's default order of equals depends on the processor; the tests take the lower index first."""
    return argsort(a, axis=axis, kind="stable")


def matrix(values):
    """The values as float32 and as their shortest decimals, for Go, and as float64, for the reference."""
    values = np.asarray(values, np.float32)
    data = [float(str(v)) for v in values.ravel()]
    return {"rows": values.shape[0], "cols": values.shape[1], "data": data}, values.astype(np.float64)


def brief(values):
    """Expected values, with the digits that the tests compare."""
    return np.round(np.asarray(values, float), 9)


def noisy(rng, n, classes, sharp, wrong, present=None):
    """Labels of which a share is wrong, and probabilities that tend to the true class."""
    true = rng.integers(0, present or classes, n)
    labels = np.where(rng.random(n) < wrong, rng.integers(0, present or classes, n), true)
    probs = rng.dirichlet(np.ones(classes), n)
    probs[np.arange(n), true] += sharp * rng.random(n)
    return labels, probs / probs.sum(1, keepdims=True)


def grid(rng, n, classes, steps, present=None):
    """Probabilities in a few steps, so that ties abound."""
    labels = rng.integers(0, present or classes, n)
    return labels, rng.multinomial(steps, np.ones(classes) / classes, n) / steps


def inputs(rng):
    for n, classes in [(40, 2), (50, 3), (60, 5), (80, 12)]:
        yield noisy(rng, n, classes, 1.5, 0.2)
        yield noisy(rng, n, classes, 0.3, 0.5)
        yield grid(rng, n, classes, 8)
        yield grid(rng, n, classes, 2)
    yield noisy(rng, 40, 5, 1, 0.3, present=3)  # classes that no item bears
    yield grid(rng, 40, 6, 4, present=3)
    yield noisy(rng, 12, 10, 1, 0.3)  # about one item a class
    yield grid(rng, 14, 12, 3)
    yield np.array([0, 1]), np.array([[0.25, 0.75], [0.75, 0.25]])
    yield np.arange(20) % 4, np.full((20, 4), 0.25)
    labels, _ = noisy(rng, 50, 4, 1, 0.3)
    yield labels, np.eye(4)[rng.integers(0, 4, 50)]  # probabilities of 0 and 1 alone
    yield np.r_[np.zeros(30, int), 1], noisy(rng, 31, 2, 1, 0)[1]  # all but one of a class


def multiclass(labels, probs, filters):
    labels = np.asarray(labels)
    given, probs = matrix(probs)
    raw = count.compute_confident_joint(labels, probs, calibrate=False)
    calibrated = count.compute_confident_joint(labels, probs)
    prior, noise, inverse = count.estimate_latent(calibrated, labels)
    scores = {name: brief(rank.get_label_quality_scores(labels, probs, method=method, adjust_pred_probs=adjust))
              for name, (method, adjust) in SCORES.items()}
    issues = {f: np.flatnonzero(filter.find_label_issues(labels, probs, filter_by=f, n_jobs=1)) for f in filters}
    ranked = {name: filter.find_label_issues(
        labels, probs, filter_by="confident_learning", return_indices_ranked_by=method,
        rank_by_kwargs={"adjust_pred_probs": adjust}, n_jobs=1) for name, (method, adjust) in SCORES.items()}
    return {"labels": labels, "probs": given, "thresholds": brief(count.get_confident_thresholds(labels, probs)),
            "joint": raw, "calibrated": calibrated,
            "prior": brief(prior), "noise": brief(noise), "inverse": brief(inverse),
            "scores": scores, "issues": issues, "ranked": ranked}


def multilabel(has, probs):
    given, probs = matrix(probs)
    labels = [np.flatnonzero(row).tolist() for row in has]
    # cleanlab refuses classes that all items bear, and the low filters those that none bears.
    by_class = PRUNE + (["predicted_neq_given"] + LOW if has.any(0).all() else [])
    perclass = {f: multilabel_filter.find_multilabel_issues_per_class(labels, probs, filter_by=f, n_jobs=1).astype(int)
                for f in by_class}
    items = PRUNE + LOW + (["predicted_neq_given"] if has.any(0).all() else [])
    issues = {f: np.flatnonzero(multilabel_filter.find_label_issues(labels, probs, filter_by=f, n_jobs=1))
              for f in items}
    args = {name: {"method": method, "adjust_pred_probs": adjust} for name, (method, adjust) in SCORES.items()}
    return {"labels": labels, "probs": given, "perclass": perclass, "issues": issues,
            "scores": {n: brief(multilabel_rank.get_label_quality_scores_per_class(labels, probs, **a))
                       for n, a in args.items()},
            "aggregated": {n: brief(multilabel_rank.get_label_quality_scores(labels, probs, **a))
                           for n, a in args.items()},
            "ranked": multilabel_filter.find_label_issues(
                labels, probs, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1)}


def multilabel_inputs(rng):
    for n, classes in [(30, 2), (30, 4), (20, 6)]:
        has = rng.random((n, classes)) < 0.4
        has[0], has[1] = True, False
        yield has, np.clip(0.6 * has + 0.5 * rng.random((n, classes)), 0, 1)
        yield has, rng.random((n, classes))
        yield has, rng.integers(0, 5, (n, classes)) / 4
    has = rng.random((20, 5)) < 0.5
    has[:, 2], has[0] = False, [False, True, False, False, False]
    yield has, rng.random((20, 5))


def cases(rng):
    with mock.patch.object(np, "argsort", stable):
        single = [multiclass(*given, PRUNE + ["predicted_neq_given"] + LOW) for given in inputs(rng)]
        # One class throughout: cleanlab takes it for class 0 and the pruning filters alone.
        single += [multiclass(np.zeros(9, int), rng.dirichlet([1, 1, 1], 9), PRUNE),
                   multiclass(np.zeros(1, int), np.array([[0.25, 0.75]]), PRUNE)]
        return {"multiclass": single, "multilabel": [multilabel(*given) for given in multilabel_inputs(rng)]}
