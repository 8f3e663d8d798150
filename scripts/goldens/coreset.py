"""Strategies over embeddings: small-text, ALiPy, scikit-learn's k-means, and two papers' code in numpy."""

from types import SimpleNamespace
from unittest import mock

import numpy as np
import sklearn.cluster
import torch
from alipy.query_strategy import QueryInstanceCoresetGreedy
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from small_text import (DiscriminativeActiveLearning, EmbeddingKMeans, GreedyCoreset, LightweightCoreset, ProbCover,
                        SklearnClassifierFactory, SklearnDataset)
from small_text.integrations.pytorch.query_strategies import BADGE
from small_text.query_strategies import vector_space
from small_text.utils.clustering import init_kmeans_plusplus_safe
from small_text.vector_indexes import KNNIndex, VectorIndexFactory

from . import mended


class Recorder(np.random.RandomState):
    """Notes the uniform numbers that are drawn, for Go to draw the same."""

    def __init__(self, seed):
        super().__init__(seed)
        self.drawn = []

    def choice(self, a, size=None, replace=True, p=None):
        state = self.get_state()
        self.drawn.append(self.random_sample())
        self.set_state(state)
        return super().choice(a, size=size, replace=replace, p=p)

    def uniform(self, low=0.0, high=1.0, size=None):
        values = super().uniform(low, high, size)
        self.drawn.extend(np.ravel(values))
        return values


def points(rng, rows, dims, blobs=5):
    """Blobs of points on a grid fine enough to hold no ties and coarse enough for short decimals."""
    middle = rng.normal(size=(blobs, dims))
    return np.round((middle[rng.integers(blobs, size=rows)] + 0.5 * rng.normal(size=(rows, dims))) * 128) / 128


def split(rng, rows, labelled):
    """Labelled and unlabelled indexes, each in order."""
    at = rng.permutation(rows)
    return np.sort(at[:labelled]), np.sort(at[labelled:])


def query(strategy, x, labelled, unlabelled, n):
    """What small-text picks; it wants embeddings with the unlabelled ones first."""
    dataset = np.zeros(len(x))
    return strategy.query(None, dataset, unlabelled, labelled, None, n=n,
                          embeddings=x[np.concatenate([unlabelled, labelled])])


def greedy(rng, x, labelled, n, metric="euclidean", unit=True):
    labelled, unlabelled = split(rng, len(x), labelled)
    picks = query(GreedyCoreset(distance_metric=metric, normalize=unit), x, labelled, unlabelled, n)
    angle = metric == "cosine" or unit
    if not angle:
        other = QueryInstanceCoresetGreedy(x, np.zeros(len(x)), np.arange(len(x)))
        assert np.array_equal(other.select(labelled, unlabelled, n), picks)
    return {"x": x, "labelled": labelled, "cosine": angle, "n": n, "picks": picks}


def lightweight(rng, x, labelled):
    labelled, unlabelled = split(rng, len(x), labelled)
    with mock.patch("numpy.random.choice", side_effect=np.random.choice) as choice:
        query(LightweightCoreset(), x, labelled, unlabelled, 1)
    return {"x": x, "labelled": labelled, "chances": choice.call_args.kwargs["p"]}


def medoids(rng, x, n):
    """The step from centers to picks of small-text, with centers that float32 holds and that are halfway between no two
    points."""
    class Rounded(sklearn.cluster.KMeans):
        def fit(self, *args):
            super().fit(*args)
            self.cluster_centers_ += rng.normal(scale=1e-3, size=self.cluster_centers_.shape)
            self.cluster_centers_ = self.cluster_centers_.astype(np.float32).astype(float)
            seen.append(self.cluster_centers_)

    seen = []
    with mock.patch("sklearn.cluster.KMeans", Rounded):
        picks = query(EmbeddingKMeans(), x, np.array([], dtype=int), np.arange(len(x)), n)
    return {"x": x, "centers": seen[0], "picks": picks}


def crowded(rng, x, n):
    """Centers that share their nearest points."""
    centers = x[rng.integers(len(x), size=n)].astype(np.float32)
    picks = EmbeddingKMeans._get_nearest_to_centers_iterative(centers.astype(float), normalize(x))
    return {"x": x, "centers": centers, "picks": picks}


def untied(rng, x, k, weights=None):
    """A recorder for seeding in which no best draw is best by rounding alone. Two items that are each other's nearest
    leave the same sum."""
    while True:
        seed = int(rng.integers(2**31))
        recorder = Recorder(seed)
        _, picks = sklearn.cluster.kmeans_plusplus(x, k, sample_weight=weights, random_state=recorder)
        squares = ((x[:, None] - x[None]) ** 2).sum(axis=2)
        weighted = squares * (1 if weights is None else weights)
        nearest, tied = weighted[picks[0]], False
        for pick, draws in zip(picks[1:], np.reshape(recorder.drawn[1:], (k - 1, 2 + int(np.log(k)))), strict=True):
            drawn = np.unique(np.searchsorted(np.cumsum(nearest), draws * nearest.sum()))
            sums = np.sort(np.minimum(nearest, weighted[drawn]).sum(axis=1))
            tied |= len(sums) > 1 and bool(sums[1] - sums[0] < 1e-9 * sums[1])
            nearest = np.minimum(nearest, weighted[pick])
        if not tied:
            return Recorder(seed)


def kmeans(rng, x, k, weights=None):
    recorder = untied(rng, x, k, weights)
    model = sklearn.cluster.KMeans(k, n_init=1, max_iter=100, random_state=recorder).fit(x, sample_weight=weights)
    best = sklearn.cluster.KMeans(k, n_init=10, random_state=int(rng.integers(2**31))).fit(x, sample_weight=weights)
    return {"x": x, "k": k, "weights": weights, "drawn": recorder.drawn, "cluster": model.labels_,
            "centers": model.cluster_centers_, "best": best.inertia_}


def badge(rng, x, classes, n):
    """small-text, with its seeding's draws noted. Its gradients are torch's, of the loss by the last layer, negated."""
    counts = rng.multinomial(1024 - classes, rng.dirichlet(np.ones(classes), size=len(x))[0], size=len(x)) + 1
    probs = counts / 1024  # exact in float32, sums included
    strategy = BADGE(classes)
    gradients = strategy.get_badge_embeddings(x, probs)
    for row, p, gradient in zip(x, probs, gradients, strict=True):
        weights = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
        logits = torch.log(torch.tensor(p)) + weights @ torch.tensor(row)
        torch.nn.functional.cross_entropy(logits, logits.argmax()).backward()
        assert np.allclose(-gradient, weights.grad.numpy().ravel(), atol=1e-12)
    recorder = untied(rng, gradients, n)
    seeding = "small_text.integrations.pytorch.query_strategies.strategies.init_kmeans_plusplus_safe"
    with mock.patch(seeding, lambda *given, **more: init_kmeans_plusplus_safe(*given, **more | {"random_state": recorder})):
        every = np.arange(len(x))
        model = SimpleNamespace(predict_proba=lambda items: probs[items])
        picks = strategy.query(model, every, every, every[:0], None, n=n, embeddings=x)
    squares = ((gradients - gradients[0]) ** 2).sum(axis=1)
    return {"x": x, "probs": probs, "n": n, "drawn": recorder.drawn, "squares": squares, "picks": picks}


# small-text's ProbCover differs from the paper after its first pick: it takes away the edges between a pick and what that
# covers, where the paper takes away all that lead to what is covered; it leaves out that an item covers itself; and it may
# pick labelled items, and the same twice. That needs a graph whose edges have a direction.
COVER = mended(
    ProbCover.sample,
    ("graph.remove_edge(node, i)", "graph.remove_edges_from([*graph.in_edges(node)])"),
    ("graph.remove_edge(node, index)", "graph.remove_edges_from([*graph.in_edges(node)])"),
    ("graph.degree()", "graph.out_degree(indices_unlabeled)"),
    _construct_graph=mended(
        vector_space._construct_graph,
        ("nx.Graph()", "nx.DiGraph()"),
        ("zip(indices[0, 1:], distances[0, 1:])", "zip(indices[0], distances[0])"),
    ),
)


def prob_cover(rng, x, labelled, delta, n):
    """Yehuda et al.'s selection, up to where their graph has no edges left."""
    labelled, unlabelled = split(rng, len(x), labelled)
    unit = normalize(x)
    near = np.linalg.norm(unit[:, None] - unit[None], axis=2) < delta
    near[:, near[labelled].any(axis=0)] = False
    picks = []
    while len(picks) < n and near[unlabelled].any():
        pick = unlabelled[near[unlabelled].sum(axis=1).argmax()]
        near[:, near[pick]] = False
        picks.append(pick)
    index = VectorIndexFactory(KNNIndex)
    strategy = ProbCover(index, k=len(x), ball_radius=delta)
    if not len(labelled):
        assert strategy.query(None, x, unlabelled, labelled, None, n=1, embeddings=x)[0] == picks[0]
    assert np.array_equal(COVER(strategy, None, x, unlabelled, labelled, None, len(picks), x), picks)
    return {"x": x, "labelled": labelled, "delta": delta, "n": n, "picks": picks}


def pure_radius(x, k):
    """The largest of all distances at which 95 % of the balls are pure."""
    unit = normalize(x)
    cluster = sklearn.cluster.KMeans(k, n_init=1).fit(unit).labels_
    distances = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    other = cluster[:, None] != cluster[None]
    pure = [d for d in distances[other] if (~((distances < d) & other).any(axis=1)).mean() >= 0.95]
    return {"x": x, "cluster": cluster, "radius": max(pure)}


def typi_clust(rng, x, k, labelled, n):
    """Hacohen et al.'s selection, with their constants; distances are not squared, as in the paper."""
    labelled, unlabelled = split(rng, len(x), labelled)
    unit = normalize(x)
    cluster = sklearn.cluster.KMeans(k, n_init=1).fit(unit).labels_
    sizes = np.bincount(cluster, minlength=k)
    counts = np.bincount(cluster[labelled], minlength=k)
    order = [c for c in np.lexsort((np.arange(k), -sizes, counts)) if sizes[c] > 5]
    free = np.isin(np.arange(len(x)), unlabelled)
    picks = []
    for i in range(n):
        members = np.flatnonzero((cluster == order[i % len(order)]) & free)
        neighbours = NearestNeighbors(n_neighbors=min(20, len(members) // 2) + 1).fit(unit[members])
        distances, _ = neighbours.kneighbors(unit[members])
        typicality = 1 / (distances[:, 1:].mean(axis=1) + 1e-5)
        pick = members[typicality.argmax()]
        free[pick] = False
        picks.append(pick)
    return {"x": x, "cluster": cluster, "labelled": labelled, "n": n, "picks": picks}


def discriminative(rng, rows, dims, labelled, n):
    """small-text with logistic regression and few enough unlabelled items to show all of them to the classifier, where in
    each batch the chances of the last pick and of the next item differ by 5e-4 or more. Go's search ends where chances
    are within 2e-4 of the minimum's."""
    while True:
        x = points(rng, rows, dims)
        at, unlabelled = split(rng, rows, labelled)
        dataset = SklearnDataset(sparse.csr_matrix(normalize(x)), np.zeros(rows, dtype=int), target_labels=[0, 1])
        factory = SklearnClassifierFactory(LogisticRegression(tol=1e-10, max_iter=10_000), 2)
        strategy = DiscriminativeActiveLearning(factory, min(n, 10), pbar=None)
        with mock.patch("numpy.argpartition", wraps=np.argpartition) as partition:  # the chances pass through it alone
            picks = strategy.query(None, dataset, unlabelled, at, None, n=n)
        if all(np.diff(np.sort(chances)[size - 1:size + 1])[0] > 5e-4 for (chances, size), _ in partition.call_args_list):
            return {"x": x, "labelled": at, "n": n, "picks": picks}


def cases(rng):
    grid = np.array([[i, j] for i in range(-3, 4) for j in range(-3, 4)], dtype=float)
    doubled = np.repeat(points(rng, 20, 6), 2, axis=0)
    return {
        "greedy": [
            greedy(rng, points(rng, 90, 8), 5, 40),
            greedy(rng, points(rng, 90, 8), 5, 40, unit=False),
            greedy(rng, points(rng, 90, 8), 5, 40, metric="cosine"),
            greedy(rng, points(rng, 90, 8), 5, 40, metric="cosine", unit=False),
            greedy(rng, points(rng, 120, 3), 20, 80),
            greedy(rng, points(rng, 10, 100), 1, 8),
            greedy(rng, doubled, 2, 15),
            greedy(rng, doubled, 2, 15, unit=False),
            greedy(rng, grid, 3, 30, unit=False),  # ties at every step
            greedy(rng, points(rng, 3, 2), 1, 1),
        ],
        "lightweight": [
            lightweight(rng, points(rng, 100, 8), 0),
            lightweight(rng, points(rng, 60, 3), 20),
            lightweight(rng, points(rng, 4, 20), 1),
        ],
        "medoids": [medoids(rng, points(rng, 100, 8), k) for k in (1, 5, 20, 90)]
        + [crowded(rng, points(rng, 40, 5), k) for k in (10, 40)],
        "kmeans": [
            kmeans(rng, points(rng, 150, 6), 5),
            kmeans(rng, points(rng, 150, 6), 25),
            kmeans(rng, points(rng, 100, 2, blobs=12), 12),
            kmeans(rng, points(rng, 60, 20), 3),
            kmeans(rng, doubled, 8),
            kmeans(rng, points(rng, 100, 5), 8, rng.integers(1, 64, size=100) / 16),
            kmeans(rng, points(rng, 5, 3), 5),
            kmeans(rng, points(rng, 30, 3), 1),
        ],
        "badge": [
            badge(rng, points(rng, 80, 6), 4, 20),
            badge(rng, points(rng, 60, 12), 2, 10),
            badge(rng, points(rng, 30, 3), 25, 20),
            badge(rng, points(rng, 5, 4), 3, 1),
        ],
        "prob_cover": [prob_cover(rng, points(rng, 100, 6), labelled, delta, 30)
                       for labelled, delta in ((0, 0.2), (0, 0.5), (10, 0.5), (10, 1.0), (0, 1.9))],
        "pure_radius": [pure_radius(points(rng, 100, 8), k) for k in (2, 5, 10)],
        "typi_clust": [
            typi_clust(rng, points(rng, 150, 6), 10, 0, 10),
            typi_clust(rng, points(rng, 150, 6), 14, 4, 10),
            typi_clust(rng, points(rng, 150, 3), 3, 30, 20),
            typi_clust(rng, points(rng, 60, 5), 8, 2, 4),
        ],
        "discriminative": [
            discriminative(rng, 100, 8, 10, 20),
            discriminative(rng, 60, 4, 20, 7),
            discriminative(rng, 30, 8, 3, 25),
        ],
    }
