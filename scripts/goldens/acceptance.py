"""What acceptance with a bound rests on, by scipy: intervals of a share, exact tests, likelihood ratios."""

import numpy as np
from scipy import stats

BETS = ((0.9, 0.2), (0.05, 0.5), (0.05, 0.75))  # share of the capital, error over epsilon: acceptance.bets


def cases(rng):
    return {
        "intervals": [interval(rng, n) for n in (1, 1, 2, 10, 30, 100, 500, 500, 20000) for _ in range(4)],
        "tests": [tested(rng) for _ in range(60)],
        "provable": [provable(rng) for _ in range(30)],
    }


def interval(rng, n):
    k = int(rng.choice([0, n, rng.integers(n + 1), rng.binomial(n, 0.97)]))
    delta = float(rng.choice([0.01, 0.05, 0.1, 0.32]))
    test = stats.binomtest(k, n)
    return {"successes": k, "trials": n, "delta": delta,
            "exact": list(test.proportion_ci(1 - delta, "exact")), "wilson": list(test.proportion_ci(1 - delta, "wilson"))}  # fmt: skip


def tested(rng):
    """So many wrong and accepted of n audits: their probability at the limit, and the capital against it."""
    n, epsilon, coverage = int(rng.integers(1, 2000)), float(rng.choice([0.01, 0.02, 0.05])), float(rng.uniform(0.05, 1))
    limit = coverage * epsilon
    wrong = int(rng.integers(0, 1 + min(n, int(2 * n * limit))))
    ratios = [share * np.exp(stats.binom.logpmf(wrong, n, error * limit) - stats.binom.logpmf(wrong, n, limit)) for share, error in BETS]  # fmt: skip
    return {"audits": n, "epsilon": epsilon, "coverage": coverage, "wrong": wrong,
            "chance": stats.binom.cdf(wrong, n, limit), "capital": np.log(sum(ratios))}  # fmt: skip


def provable(rng):
    n, wrong = int(rng.integers(20, 3000)), int(rng.integers(0, 6))
    epsilon, delta = float(rng.choice([0.01, 0.02, 0.05])), float(rng.choice([0.05, 0.1]))
    upper = stats.binomtest(wrong, n, alternative="less").proportion_ci(1 - delta, "exact").high
    return {"audits": n, "wrong": wrong, "epsilon": epsilon, "delta": delta, "coverage": upper / epsilon}
