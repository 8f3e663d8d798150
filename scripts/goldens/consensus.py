"""Consensus of annotators: crowd-kit's majority vote and Dawid-Skene; cleanlab's CROWDLAB and ActiveLab."""

import contextlib
import io
from unittest import mock

import numpy as np
import pandas as pd
from cleanlab.internal.util import value_counts
from cleanlab.multiannotator import get_active_learning_scores, get_label_quality_multiannotator
from crowdkit.aggregation import DawidSkene, MajorityVote

from .agreement import number
from .issues import brief, matrix


def crowd(rng, items, annotators, classes, depth, right, present=None):
    """Answers (items x annotators, -1 for none), each item with one at least, and probabilities of the classes."""
    present = present or classes
    true = rng.integers(0, present, items)
    skill = np.clip(right + 0.3 * rng.normal(size=annotators), 0, 1)
    answers = np.where(rng.random((items, annotators)) < skill, true[:, None], rng.integers(0, present, (items, annotators)))
    asked = rng.random((items, annotators)) < depth / annotators
    asked[np.arange(items), rng.integers(0, annotators, items)] = True
    asked[rng.integers(0, items, annotators), np.arange(annotators)] = True
    probs = rng.dirichlet(np.ones(classes), items)
    probs[np.arange(items), true] += rng.random(items)
    return np.where(asked, answers, -1), probs / probs.sum(1, keepdims=True)


def even(probs, steps):
    """Probabilities in a few steps, so that ties abound."""
    probs = np.floor(probs * steps) + 1
    return probs / probs.sum(1, keepdims=True)


def inputs(rng):
    for classes in (2, 3, 6):
        yield crowd(rng, 40, 5, classes, 3, 0.7)
        yield crowd(rng, 20, 4, classes, 1e9, 0.6)  # none missing
        answers, probs = crowd(rng, 30, 6, classes, 2, 0.5)
        yield answers, even(probs, 1)
        yield answers, np.full(probs.shape, 1 / classes)
    yield crowd(rng, 30, 8, 5, 1.2, 0.8, present=3)  # classes that nobody gave
    yield crowd(rng, 30, 3, 4, 3, 1)
    answers, probs = crowd(rng, 20, 3, 3, 2, 0.7)
    answers = np.c_[answers, np.full(20, -1)]
    answers[0] = [-1, -1, -1, 1]  # an annotator who shares no item
    yield answers, probs
    answers, probs = crowd(rng, 15, 4, 3, 2, 0.9)
    yield answers, np.eye(3)[probs.argmax(1)]  # probabilities of 0 and 1 alone
    yield np.array([[0, 0], [1, 1], [0, 1]]), np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])
    yield np.array([[1, 1]]), np.array([[0.25, 0.75]])
    # Ties that nothing settles but who is more often with the majority.
    yield np.array([[0, 0, 1], [1, 1, 0], [0, -1, 1], [1, -1, 0]]), np.full((4, 2), 0.5)


def wide(answers):
    return np.where(answers < 0, np.nan, answers) if (answers < 0).any() else answers


@contextlib.contextmanager
def mended():
    """cleanlab that takes the lowest class where it draws one at random, and that counts classes in their places: where
    annotations are missing, classes come as floats, and it then counts those that occur from place 0 on, so that the
    temperature is fitted to other classes than people gave. With no annotation missing it counts as it should."""
    def counts(x, **options):
        return value_counts(np.asarray(x).astype(int), **options)

    with mock.patch("numpy.random.choice", lambda tied: tied[0]), \
            mock.patch("cleanlab.internal.multiannotator_utils.value_counts", counts):
        yield


def aggregated(aggregator, long, classes):
    """Of equals, crowd-kit takes the class that pandas happened to put first; here the lowest."""
    probs = brief(aggregator.fit_predict_proba(long).reindex(columns=range(classes), fill_value=0).sort_index())
    return {"consensus": probs.argmax(1), "probs": probs}


def errors(aggregator, annotators, classes):
    """annotators x given class x true class."""
    full = pd.MultiIndex.from_product([range(annotators), range(classes)])
    return brief(aggregator.errors_.reindex(full).reindex(columns=range(classes)).fillna(0).to_numpy().reshape(
        annotators, classes, classes))


def case(answers, probs, others):
    given, probs = matrix(probs)
    fresh, others = matrix(others)
    items, classes = probs.shape
    at = np.argwhere(answers >= 0)
    long = pd.DataFrame({"task": at[:, 0], "worker": at[:, 1], "label": answers[answers >= 0]})
    voters, skene = aggregated(MajorityVote(), long, classes), DawidSkene()
    with contextlib.redirect_stdout(io.StringIO()), mended():
        lab = get_label_quality_multiannotator(wide(answers), probs, verbose=False, return_weights=True)
        scores, fresh_scores = get_active_learning_scores(wide(answers), probs, others)
    stats = lab["annotator_stats"].sort_index()
    return {
        "answers": answers, "probs": given, "unlabelled": fresh, "majority": voters,
        "skene": aggregated(skene, long, classes) | {
            "prior": brief(skene.priors_.reindex(range(classes)).fillna(0)),
            "errors": errors(skene, answers.shape[1], classes)},
        "crowdlab": {
            "consensus": lab["label_quality"]["consensus_label"].to_numpy(),
            "quality": brief(lab["label_quality"]["consensus_quality_score"]),
            "agreement": brief(lab["label_quality"]["annotator_agreement"]),
            "labels": [[number(v) for v in row] for row in brief(lab["detailed_label_quality"])],
            "model": lab["model_weight"], "weights": brief(lab["annotator_weight"]),
            "annotators": [{"quality": number(row.annotator_quality), "agreement": row.agreement_with_consensus,
                            "worst": int(row.worst_class), "labels": int(row.num_examples_labeled)}
                           for row in stats.itertuples()]},
        "relabel": brief(scores), "fresh": brief(fresh_scores),
    }


def single(answers, probs, others):
    """One annotation for each item, and none at all: ActiveLab alone has an answer."""
    given, probs = matrix(probs)
    fresh, others = matrix(others)
    scores, fresh_scores = get_active_learning_scores(wide(answers), probs, others)
    return {"answers": answers, "probs": given, "unlabelled": fresh, "relabel": brief(scores), "fresh": brief(fresh_scores),
            "cold": brief(get_active_learning_scores(pred_probs_unlabeled=others)[1])}


def unlabelled(rng, probs):
    """Probabilities of other items. Where all are equal, any temperature fits, and rounding chooses it: then these too."""
    return probs[:5] if np.ptp(probs) == 0 else rng.dirichlet(np.ones(probs.shape[1]), 5)


def cases(rng):
    several = [case(answers, probs, unlabelled(rng, probs)) for answers, probs in inputs(rng)]
    alone = []
    for classes in (2, 4):
        answers = np.full((20, 3), -1)
        answers[np.arange(20), np.arange(20) % 3] = rng.integers(0, classes, 20)
        alone.append(single(answers, rng.dirichlet(np.ones(classes), 20), rng.dirichlet(np.ones(classes), 5)))
    return {"several": several, "single": alone}
