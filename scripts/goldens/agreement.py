"""Agreement of annotators: scikit-learn's kappa; nltk's pi, which is Fleiss' kappa where nothing is missing, and alpha."""

import warnings

import numpy as np
from nltk.metrics.agreement import AnnotationTask
from sklearn.metrics import cohen_kappa_score


def number(value):
    """JSON has no NaN."""
    return None if np.isnan(value) else float(value)


def kappas(a, b, classes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [number(cohen_kappa_score(a, b, labels=range(classes), weights=w)) for w in (None, "linear", "quadratic")]


def pairs(rng):
    for n, classes in [(50, 2), (80, 5), (3, 3), (200, 12)]:
        a = rng.integers(0, classes, n)
        yield a, np.where(rng.random(n) < 0.6, a, rng.integers(0, classes, n)), classes
        yield a, rng.integers(0, classes, n), classes
        yield a, a, classes
    yield np.array([0, 5, 0, 5, 5]), np.array([0, 5, 5, 5, 0]), 7  # classes that nobody gave
    yield np.array([1]), np.array([0]), 2
    yield np.array([1, 1]), np.array([1, 1]), 2  # nothing but chance


def triples(answers):
    """(annotator, item, class) of items x annotators, -1 where there is none."""
    return [(int(w), int(i), int(answers[i, w])) for i, w in np.argwhere(answers >= 0)]


def between(answers, classes):
    """Krippendorff's ordinal metric: by how many answers lie between the two, half of each included."""
    paired = answers[(answers >= 0).sum(1) > 1]
    counts = np.bincount(paired[paired >= 0], minlength=classes)

    def distance(c, d):
        low, high = min(c, d), max(c, d)
        return float(counts[low:high + 1].sum() - (counts[low] + counts[high]) / 2) ** 2

    return distance


def alphas(answers, classes):
    levels = [lambda c, d: float(c != d), between(answers, classes), lambda c, d: float((c - d) ** 2)]
    return [AnnotationTask(triples(answers), distance).alpha() for distance in levels]


def crowds(rng):
    for items, annotators, classes, missing in [(30, 4, 3, 0), (40, 5, 5, 0.4), (25, 3, 2, 0.3), (60, 8, 7, 0.7)]:
        true = rng.integers(0, classes, (items, 1))
        noisy = np.where(rng.random((items, annotators)) < 0.7, true, rng.integers(0, classes, (items, annotators)))
        yield np.where(rng.random((items, annotators)) < missing, -1, noisy), classes
    yield np.array([[0, 1], [1, 1], [4, 3]]), 6
    yield np.array([[0, 0], [0, 0]]), 3  # one class
    yield np.array([[0, 1]]), 2
    yield np.array([[2, -1, 2], [-1, 1, -1], [2, 2, -1]]), 3  # one class among what can be paired
    yield np.array([[0, 1], [1, 0]]), 2  # worse than chance


def cases(rng):
    crowd = []
    for answers, classes in crowds(rng):
        case = {"answers": answers, "classes": classes, "alphas": alphas(answers, classes)}
        if (answers >= 0).all() and len(np.unique(answers)) > 1:
            case["fleiss"] = AnnotationTask(triples(answers)).pi()
        crowd.append(case)
    return {"pairs": [{"a": a, "b": b, "classes": c, "kappas": kappas(a, b, c)} for a, b, c in pairs(rng)], "crowds": crowd}
