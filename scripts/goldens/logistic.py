"""Logistic regression as scikit-learn fits it, by Newton's method.

Its L-BFGS ends up to 6e-3 off where features are not scaled.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier


def regression(c):
    return LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10, max_iter=1000)


def softmax(rng, rows, dimensions, classes, seen, c, scale=1.0, shift=0.0):
    """Rows of `seen` of the classes; scikit-learn leaves out the others, whose probability is 0."""
    x = (rng.normal(size=(rows, dimensions)) * scale + shift).astype(np.float32)
    y = np.concatenate([seen, rng.choice(seen, rows - len(seen))])
    x += (rng.normal(size=(classes, dimensions)) * scale)[y].astype(np.float32)
    queries = (rng.normal(size=(8, dimensions)) * scale + shift).astype(np.float32)
    model = regression(c).fit(x.astype(float), y)
    probs = np.zeros((len(queries), classes))
    probs[:, model.classes_] = model.predict_proba(queries.astype(float))
    return {"x": x, "y": y, "classes": classes, "c": c, "queries": queries, "probs": probs}


def sigmoid(rng, rows, dimensions, classes, c, rate):
    x = rng.normal(size=(rows, dimensions)).astype(np.float32)
    y = (x @ rng.normal(size=(dimensions, classes)) + rng.normal(size=(rows, classes)) > np.log(1 / rate)).astype(int)
    y[:, 0] = 0
    y[:, -1] = 1
    queries = rng.normal(size=(8, dimensions)).astype(np.float32)
    model = OneVsRestClassifier(regression(c)).fit(x.astype(float), y)
    return {"x": x, "y": [np.flatnonzero(row) for row in y], "classes": classes, "c": c, "queries": queries,
            "probs": model.predict_proba(queries.astype(float))}


def cases(rng):
    def every(k):
        return np.arange(k)

    single = [softmax(rng, 60, 8, 4, every(4), c) for c in (0.01, 1.0, 100.0)]
    single += [
        softmax(rng, 40, 5, 2, every(2), 1.0),
        softmax(rng, 40, 5, 6, np.array([1, 4]), 1.0),  # two of six classes
        softmax(rng, 30, 5, 7, np.array([0, 2, 6]), 10.0),
        softmax(rng, 20, 50, 5, every(5), 1.0),  # more dimensions than rows
        softmax(rng, 3, 4, 3, every(3), 1.0),  # a row a class
        softmax(rng, 80, 6, 3, every(3), 1.0, scale=30.0, shift=100.0),
        softmax(rng, 80, 6, 3, every(3), 1.0, scale=0.01, shift=1.0),
        softmax(rng, 200, 32, 20, every(20), 10.0, scale=0.2),
    ]
    multi = [sigmoid(rng, rows, 6, classes, c, rate)
             for rows, classes, c, rate in ((60, 5, 1.0, 0.5), (30, 3, 10.0, 0.3), (5, 4, 0.1, 0.5), (100, 8, 100.0, 0.1))]
    return {"softmax": single, "sigmoid": multi}
