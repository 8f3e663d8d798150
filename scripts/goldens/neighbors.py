"""Neighbours, outliers and near duplicates: what cleanlab computes on embeddings."""

from types import SimpleNamespace

import numpy as np
from cleanlab.datalab.internal.issue_manager.duplicate import NearDuplicateIssueManager
from cleanlab.datalab.internal.issue_manager.outlier import OutlierIssueManager
from cleanlab.internal.neighbor.knn_graph import create_knn_graph_and_index
from cleanlab.outlier import OutOfDistribution

from .issues import brief, matrix


def inputs(rng):
    def clusters(n, dimensions):
        return rng.normal(size=(4, dimensions))[rng.integers(0, 4, n)] + 0.4 * rng.normal(size=(n, dimensions))

    yield clusters(150, 16), 10
    yield clusters(70, 384)[:, :100], 10
    some = clusters(90, 8)
    some[60:75] = some[0:15] + 1e-3 * rng.normal(size=(15, 8))  # near duplicates
    some[75:80] = some[20:25]  # duplicates
    some[80:85] = some[30]
    some[85:] = 2 * some[40:45]  # of other length
    yield some, 10
    some = clusters(60, 6)
    some[10:30] = some[9]  # more duplicates than neighbours
    yield some, 5
    some = clusters(40, 5)
    some[[3, 17, 29]] = 0  # no direction
    yield some, 4
    yield clusters(12, 4), 11  # all others are neighbours
    yield clusters(5, 4), 1
    yield clusters(2, 4), 1
    yield np.ones((8, 4)), 3
    yield -np.abs(clusters(30, 4)) * 1e-4, 3


def case(features, k):
    given, features = matrix(features)
    graph, _ = create_knn_graph_and_index(features, n_neighbors=k, metric="cosine")
    lab = SimpleNamespace(get_info=lambda name: {})
    duplicates, outliers = NearDuplicateIssueManager(lab, "cosine", k=k), OutlierIssueManager(lab, k=k, metric="cosine")
    duplicates.find_issues(features=features)
    outliers.find_issues(features=features)
    return {"embeddings": given, "k": k, "items": graph.indices.reshape(-1, k), "distances": brief(graph.data.reshape(-1, k)),
            "typical": brief(OutOfDistribution({"k": k}).fit_score(features=features, verbose=False)),
            "outliers": np.flatnonzero(outliers.issues["is_outlier_issue"]),
            "distinct": brief(duplicates.issues["near_duplicate_score"]),
            "duplicates": [sorted(int(i) for i in s) for s in duplicates.near_duplicate_sets]}


def cases(rng):
    return [case(*given) for given in inputs(rng)]
