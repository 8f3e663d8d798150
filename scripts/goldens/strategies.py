"""Query strategies over probabilities: small-text's scores and picks.

Picks are the reference's scores in a stable order, the lowest index first of equals; the reference's own choice, whose
order is arbitrary, must have the same scores. Where small-text departs from the paper that it implements, or has no such
strategy, the paper's formula stands here, computed by scipy and scikit-learn.
"""

from unittest import mock

import numpy as np
from scipy.stats import entropy, rankdata
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import NearestNeighbors
from small_text.query_strategies import (
    AnchorSubsampling,
    BreakingTies,
    ContrastiveActiveLearning,
    LeastConfidence,
    PredictionEntropy,
    SEALS,
)
from small_text.query_strategies.bayesian import _bald


class Model:
    """A small-text classifier of which the answers are known: a dataset is an array of indexes."""

    def __init__(self, probs, embeddings=None):
        self.probs, self.embeddings = probs, embeddings
        self.num_classes = probs.shape[1]

    def predict_proba(self, dataset):
        return self.probs[dataset]

    def embed(self, dataset, return_proba=False, pbar=None):
        return (self.embeddings[dataset], self.probs[dataset]) if return_proba else self.embeddings[dataset]


def short(values):
    """Values with few decimals, as they are written, and the float32 that Go reads, as numpy computes with."""
    written = np.round(values, 5)
    return written, written.astype(np.float32).astype(np.float64)


def softmax(rng, *shape):
    logits = rng.normal(size=shape) * rng.choice([0.3, 1, 3])
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def split(rng, items, labelled):
    """Indexes of labelled and unlabelled items."""
    order = rng.permutation(items)
    return np.sort(order[:labelled]), np.sort(order[labelled:])


def ranked(scores, unlabelled, n, highest=False):
    """The picks by scores, rounded so that sums in another order are still equal."""
    wanted = np.round(scores, 12)[unlabelled]
    return unlabelled[np.argsort(-wanted if highest else wanted, kind="stable")[:n]]


def uncertainty(rng):
    shapes = [(1, 2, 0, 1), (2, 3, 0, 5), (40, 2, 10, 7), (60, 10, 20, 12), (30, 150, 5, 30), (50, 5, 50, 3)]
    for items, classes, labelled, n in shapes * 2:
        written, probs = short(softmax(rng, items, classes))
        if rng.random() < 0.5:  # ties: every row several times
            again = rng.integers(0, max(1, items // 4), items)
            written, probs = written[again], probs[again]
        done, unlabelled = split(rng, items, labelled)
        case = {"probs": written, "labelled": done, "n": n}
        for strategy, highest in (LeastConfidence(), False), (PredictionEntropy(), True), (BreakingTies(), False):
            # scores_ is as get_confidence gave it: not negated for strategies that want the highest
            scores = strategy.get_confidence(Model(probs), np.arange(items), None, None, None)
            picks = ranked(scores, unlabelled, n, highest)
            if len(unlabelled):
                chosen = strategy.query(Model(probs), np.arange(items), unlabelled, done, None, n=len(picks))
                assert np.allclose(np.sort(scores[chosen]), np.sort(scores[picks]), atol=1e-12)
            case[type(strategy).__name__] = {"scores": scores, "picks": picks}
        yield case


def committees(rng):
    shapes = [(2, 1, 2, 0, 1), (2, 30, 2, 5, 40), (3, 40, 4, 10, 9), (8, 25, 12, 0, 25)]
    for members, items, classes, labelled, n in shapes:
        written, probs = short(softmax(rng, members, items, classes))
        again = rng.integers(0, items, items)
        written, probs = written[:, again], probs[:, again]
        done, unlabelled = split(rng, items, labelled)
        bald = _bald(probs.transpose(1, 0, 2))
        # modAL's and ALiPy's vote entropy
        votes = np.stack([(probs.argmax(axis=2) == c).mean(axis=0) for c in range(classes)], axis=1)
        disagreement = entropy(votes, axis=1)
        yield {
            "committee": written, "labelled": done, "n": n,
            "BALD": {"scores": bald, "picks": ranked(bald, unlabelled, n, highest=True)},
            "VoteEntropy": {"scores": disagreement, "picks": ranked(disagreement, unlabelled, n, highest=True)},
        }


def contrastive(rng):
    for items, classes, dims, labelled, n, k in [(12, 2, 3, 0, 3, 10), (40, 5, 8, 10, 7, 10), (60, 3, 32, 30, 29, 5)]:
        written, probs = short(np.maximum(softmax(rng, items, classes), 1e-5))
        written_embeddings, embeddings = short(rng.normal(size=(items, dims)))
        done, unlabelled = split(rng, items, labelled)
        strategy = ContrastiveActiveLearning(k=k, pbar=None)
        with mock.patch("numpy.argpartition", wraps=np.argpartition) as partition:  # the scores pass through it alone
            chosen = strategy.query(Model(probs, embeddings), np.arange(items), unlabelled, done, None, n=n)
        scores = np.full(items, np.nan)
        scores[unlabelled] = -partition.call_args.args[0]
        picks = ranked(scores, unlabelled, n, highest=True)
        assert set(picks) == set(chosen)
        yield {
            "probs": written, "embeddings": written_embeddings, "labelled": done, "n": n, "k": k,
            "scores": scores[unlabelled], "picks": picks,
        }


def set_distance(a, b):
    """Reyes et al. 2018: the normalised entropy distance of two sets of labels; 1 where they agree nowhere."""
    if np.all(a != b):
        return 1.0
    own = [entropy(np.bincount(s.astype(int), minlength=2), base=2) for s in (a, b)]
    joint = sum(own) - mutual_info_score(a, b) / np.log(2)
    return (2 * joint - sum(own)) / joint if joint > 1e-12 else 0.0


def separation(row):
    """Li & Guo 2013: the separation margin; where nothing, or everything, is predicted, 0.5 bounds it."""
    return min(row[row > 0.5], default=0.5) - max(row[row <= 0.5], default=0.5)


def multi_label(rng):
    for items, classes, labelled, n in [(4, 1, 1, 2), (2, 3, 1, 1), (30, 6, 10, 8), (40, 70, 12, 50), (25, 3, 5, 20)]:
        written, probs = short(rng.beta(0.6, 0.9, size=(items, classes)))
        again = rng.integers(0, items, items)
        written, probs = written[again], probs[again]
        written[0], probs[0] = 0, 0  # nothing predicted
        done, unlabelled = split(rng, items, labelled)
        y = rng.random((labelled, classes)) < 0.4
        y[0] = False
        u = probs[unlabelled]
        predicted = u > 0.5
        inconsistency = np.array([np.mean([set_distance(p, known) for known in y]) for p in predicted])
        places = np.stack([rankdata(np.abs(2 * column - 1), method="min") for column in u.T], axis=1)
        rank = ((len(u) - places).sum(axis=1) / (classes * (len(u) - 1))) if len(u) > 1 else np.ones(1)
        cvirs = inconsistency * rank
        margin = np.maximum([separation(row) for row in u], 0.01)
        adaptive = np.sqrt(1 / margin) * np.sqrt(np.abs(predicted.sum(axis=1) - y.sum(axis=1).mean()) + 1)
        yield {
            "probs": written, "labelled": done, "labels": [np.flatnonzero(row) for row in y], "n": n,
            "CategoryVectorInconsistencyAndRanking": {
                "scores": cvirs, "picks": unlabelled[ranked(cvirs, np.arange(len(u)), n, highest=True)],
            },
            "AdaptiveActiveLearning": {
                "scores": adaptive, "picks": unlabelled[ranked(adaptive, np.arange(len(u)), n, highest=True)],
            },
        }


class Exhaustive:
    """Answers as small-text's hnswlib index does, with all neighbours found."""

    def __init__(self, vectors, labels):
        self.labels, self.index = labels, NearestNeighbors(algorithm="brute").fit(vectors)

    def knn_query(self, vectors, k):
        distances, at = self.index.kneighbors(vectors, k)
        return self.labels[at], distances**2


class Everything:
    """A base strategy that wants all that it is shown."""

    def query(self, _clf, _dataset, indices_unlabeled, _indices_labeled, _y, n=10):
        return np.sort(indices_unlabeled)


def subsamples(rng):
    index = staticmethod(lambda vectors, labels, _: Exhaustive(vectors[labels], labels))
    shapes = [(30, 3, 2, 5, 20), (120, 8, 12, 4, 15), (120, 16, 30, 7, 100), (20, 4, 6, 90, 90)]
    for items, dims, labelled, k, size in shapes:
        written, embeddings = short(rng.normal(size=(items, dims)))
        done, unlabelled = split(rng, items, labelled)
        y = rng.integers(0, 3, labelled)
        model = Model(np.zeros((items, 3)), embeddings)
        case = {"embeddings": written, "labelled": done, "labels": y[:, None], "k": k, "size": size}
        with (
            mock.patch("small_text.query_strategies.strategies.check_optional_dependency"),
            mock.patch("small_text.query_strategies.subsampling.check_optional_dependency"),
            mock.patch.object(SEALS, "initialize_index", index),
            mock.patch.object(AnchorSubsampling, "initialize_index", index),
        ):
            # As many anchors as there are labelled items: all of them are drawn.
            seals = SEALS(Everything(), k=k)
            most = min(k, len(unlabelled))
            anchors = AnchorSubsampling(Everything(), subsample_size=size, num_anchors=labelled, k=most)
            for strategy in seals, anchors:
                case[type(strategy).__name__] = strategy.query(model, np.arange(items), unlabelled, done, y, n=1)
        yield case


def cases(rng):
    topics = (uncertainty, committees, contrastive, multi_label, subsamples)
    return {topic.__name__: list(topic(rng)) for topic in topics}
