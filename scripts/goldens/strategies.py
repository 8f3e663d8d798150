"""Query strategies over probabilities: small-text's scores and picks.

Picks are the reference's scores in a stable order, the lowest index first of equals; the reference's own choice, whose
order is arbitrary, must have the same scores. Where small-text departs from the paper that it implements, the lines that
do so are mended here, and nothing else.
"""

from types import SimpleNamespace
from unittest import mock

import numpy as np
from alipy.query_strategy import QueryInstanceQBC, QueryMultiLabelAdaptive
from modAL import Committee
from modAL.disagreement import vote_entropy
from scipy.sparse import csr_matrix
from scipy.stats import rankdata
from small_text.query_strategies import (
    AdaptiveActiveLearning,
    AnchorSubsampling,
    BALD,
    BreakingTies,
    CategoryVectorInconsistencyAndRanking,
    ClassBalancer,
    ContrastiveActiveLearning,
    LeastConfidence,
    PredictionEntropy,
    SEALS,
)
from small_text.vector_indexes import KNNIndex, VectorIndexFactory

from . import mended


class Model:
    """A small-text classifier of which the answers are known: a dataset is an array of indexes."""

    def __init__(self, probs, embeddings=None, multi_label=False):
        self.probs, self.embeddings, self.multi_label = probs, embeddings, multi_label
        self.num_classes = probs.shape[-1]

    def predict(self, dataset):
        return self.probs[dataset].argmax(axis=1)

    def predict_proba(self, dataset, dropout_sampling=1):
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
        bald = BALD(members).score(Model(probs.transpose(1, 0, 2)), np.arange(items), None, None, None)
        votes = probs.argmax(axis=2)
        voters = [SimpleNamespace(estimator=SimpleNamespace(classes_=np.arange(classes)), predict=lambda x, v=v: v[x])
                  for v in votes]
        disagreement = vote_entropy(Committee(voters), np.arange(items))
        assert np.allclose(QueryInstanceQBC.calc_vote_entropy(list(votes)), disagreement, atol=1e-8)
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


def separation(row):
    """Li & Guo 2013: the separation margin; where nothing, or everything, is predicted, 0.5 bounds it."""
    return min(row[row > 0.5], default=0.5) - max(row[row <= 0.5], default=0.5)


class Relevance:
    """ALiPy's classifier of many labels, of which the answers are known: items are the answers."""

    def __init__(self, _):
        pass

    def train(self, _x, _y):
        pass

    def predict_real(self, x):
        return x

    def predict(self, x):
        return x > 0


def check_adaptive(probs, labelled, unlabelled, y):
    """What ALiPy picks by uncertainty alone has the smallest of our margins, and what it picks by the number of labels
    alone is the farthest from the mean. Items of one kind of labels it takes for certain; they are left out."""
    counts = (probs > 0.5).sum(axis=1)
    mixed = unlabelled[(counts[unlabelled] > 0) & (counts[unlabelled] < probs.shape[1])]
    if len(mixed) < 2:
        return
    known = np.zeros(probs.shape)
    known[labelled] = y
    margins = np.array([-separation(row) for row in probs])
    distances = np.abs(counts - y.sum(axis=1).mean())
    with mock.patch("alipy.query_strategy.multi_label._BinaryRelevance", Relevance):
        for beta, measure in (1, margins), (0, distances):
            # A hair less: a label of 0.5, which is not predicted, would be left out.
            strategy = QueryMultiLabelAdaptive(probs - 0.5 - 1e-9, known, betas=[beta])
            assert np.isclose(measure[strategy.sequential_select(labelled, mixed)], measure[mixed].max(), atol=1e-8)


class CVIRS(CategoryVectorInconsistencyAndRanking):
    """small-text's, as in the paper (Reyes et al. 2018): the places of the margins, where small-text has the items in the
    order of margins; the margin between a label and its absence, where small-text has one to the sum of all labels; the
    entropy distance, which small-text computes and does not use; its mean over the labelled items; and the number of labels
    that two sets both lack, which small-text takes for 1 at most."""

    _rank_by_margin = mended(
        CategoryVectorInconsistencyAndRanking._rank_by_margin,
        ("np.argsort(margin[:, j])", 'rankdata(margin[:, j], method="min")'),
        ("np.tile(proba_sum[:, np.newaxis], (1, num_classes))", "(1 - proba)"),
        rankdata=rankdata,
    )
    _distance = mended(
        CategoryVectorInconsistencyAndRanking._distance,
        ("distance[hamming_distance == 1] = 1", "distance = np.where(hamming_distance == 1, 1, entropy_distance)"),
    )
    _compute_vector_inconsistency = mended(
        CategoryVectorInconsistencyAndRanking._compute_vector_inconsistency,
        ("distance.sum(axis=1) / y_pred_unlabeled_sub.shape[0]", "distance.mean(axis=1)"),
        ("np.logical_not(y_arr).T).astype(int)", "np.logical_not(y_arr).T.astype(int))"),
    )


def multi_label(rng):
    for items, classes, labelled, n in [(4, 1, 1, 2), (3, 3, 1, 1), (30, 6, 10, 8), (40, 70, 12, 50), (25, 3, 5, 20)]:
        written, probs = short(rng.beta(0.6, 0.9, size=(items, classes)))
        again = rng.integers(0, items, items)
        written, probs = written[again], probs[again]
        written[0], probs[0] = 0, 0  # nothing predicted
        done, unlabelled = split(rng, items, labelled)
        y = rng.random((labelled, classes)) < 0.4
        y[0] = False
        case = {"probs": written, "labelled": done, "labels": [np.flatnonzero(row) for row in y], "n": n}
        # small-text's margin is that of the two likeliest labels, whether predicted or not; where it is the paper's, with
        # one label predicted, the scores are small-text's own.
        query = Model(probs, multi_label=True), np.arange(items), unlabelled, done, csr_matrix(y.astype(int))
        single = (probs[unlabelled] > 0.5).sum(axis=1) == 1
        own = AdaptiveActiveLearning().score(*query) if classes > 1 else None
        with mock.patch("small_text.query_strategies.multi_label.breaking_ties", separation):
            adaptive = AdaptiveActiveLearning().score(*query)
        assert classes == 1 or np.array_equal(adaptive[single], own[single])
        check_adaptive(probs, done, unlabelled, y)
        cvirs = CVIRS(pbar=None, epsilon=1e-300).score(*query)  # 0 log 0 is 0
        for name, scores in ("CategoryVectorInconsistencyAndRanking", cvirs), ("AdaptiveActiveLearning", adaptive):
            picks = ranked(scores, np.arange(len(unlabelled)), n, highest=True)
            case[name] = {"scores": scores, "picks": unlabelled[picks]}
        yield case


class Least:
    """A base strategy that picks the least certain items, by small-text's scores, in a stable order."""

    def query(self, clf, dataset, indices_unlabeled, indices_labeled, y, n=10):
        return ranked(LeastConfidence().score(clf, dataset, indices_unlabeled, indices_labeled, y), indices_unlabeled, n)


def balanced(rng):
    """Pools that hold what would balance the classes; of classes with equally few labels, the first goes first, where
    small-text draws one."""
    for items, classes, labelled, n in [(40, 2, 4, 6), (200, 3, 30, 20), (300, 8, 20, 30)]:
        written, probs = short(rng.dirichlet(np.ones(classes), size=items))
        done, unlabelled = split(rng, items, labelled)
        y = np.minimum(rng.geometric(0.5, labelled) - 1, classes - 1)
        with mock.patch("numpy.random.choice", lambda a, size: a[:size]), mock.patch("numpy.random.shuffle") as shuffled:
            picks = ClassBalancer(Least()).query(Model(probs), np.arange(items), unlabelled, done, y, n=n)
        assert not shuffled.called and len(picks) == n
        yield {"probs": written, "labelled": done, "labels": y[:, None], "n": n, "picks": picks}


class Everything:
    """A base strategy that wants all that it is shown."""

    def query(self, _clf, _dataset, indices_unlabeled, _indices_labeled, _y, n=10):
        return np.sort(indices_unlabeled)


def subsamples(rng):
    """small-text's index that finds all neighbours, by cosine."""
    index = VectorIndexFactory(KNNIndex, {"metric": "cosine"})
    shapes = [(30, 3, 2, 5, 20), (120, 8, 12, 4, 15), (120, 16, 30, 7, 100), (20, 4, 6, 90, 90)]
    for items, dims, labelled, k, size in shapes:
        written, embeddings = short(rng.normal(size=(items, dims)))
        done, unlabelled = split(rng, items, labelled)
        y = rng.integers(0, 3, labelled)
        model = Model(np.zeros((items, 3)), embeddings)
        case = {"embeddings": written, "labelled": done, "labels": y[:, None], "k": k, "size": size}
        with mock.patch("small_text.query_strategies.subsampling.check_optional_dependency"):  # of an approximate index
            seals = SEALS(Everything(), k=k, vector_index_factory=index)
        # As many anchors as there are labelled items: all of them are drawn.
        anchors = AnchorSubsampling(Everything(), subsample_size=size, num_anchors=labelled, k=min(k, len(unlabelled)),
                                    vector_index_factory=index)
        for strategy in seals, anchors:
            case[type(strategy).__name__] = strategy.query(model, np.arange(items), unlabelled, done, y, n=1)
        yield case


def cases(rng):
    topics = (uncertainty, committees, contrastive, multi_label, balanced, subsamples)
    return {topic.__name__: list(topic(rng)) for topic in topics}
