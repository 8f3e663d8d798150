"""How the numbers of a product are rounded: the range and the factors of its activation, and the integers of its weights."""

import numpy as np

JUDGED = 512  # rows of an activation that exponents and ranges are judged on
EXPONENTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of SmoothQuant
RANGES = (1, 0.9, 0.8, 0.7, 0.6, 0.5)  # of what was seen
WORTH = 0.8  # smoothing costs a multiplication: only for an error below this share of that without
DAMPING = 0.1  # of the mean energy of an input, added to each: rows are few
BLOCK = 128  # inputs whose rounding is made up for at once in those after


def int8(matrix, axis=0):
    """Integers and the scale of each column (axis 0) or row (axis 1)."""
    scale = np.maximum(np.abs(matrix).max(axis), 1e-12) / 127
    return np.rint(matrix / np.expand_dims(scale, axis)).astype(np.int8), scale.astype(np.float32)


def scale_of(low, high):
    """Scale and zero point of uint8 for a range, which is widened to hold 0."""
    low, high = min(float(low), 0), max(float(high), 0)
    scale = max(high - low, 1e-8) / 255
    return np.float32(scale), np.uint8(round(-low / scale))


def rounded(values, scale, zero):
    return (np.clip(np.rint(values / scale) + zero, 0, 255) - zero) * scale


def settle(activation, matrix):
    """Choose what one activation is divided by, channel by channel, and its scale and zero point."""
    low, high, rows = activation.low, activation.high, activation.rows[:: -(-len(activation.rows) // JUDGED)]
    size, want = np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-5), rows @ matrix
    heights = np.maximum(np.abs(matrix).max(1), 1e-5)

    def attempt(factors, share=1):
        scale, zero = scale_of(share * (low / factors).min(), share * (high / factors).max())
        integers, columns = int8(matrix * factors[:, None])
        error = np.square(rounded(rows / factors, scale, zero) @ (integers * columns) - want).sum()
        return error, factors, scale, zero

    plain = attempt(np.ones_like(size))
    powers = [size**a / heights ** (1 - a) for a in EXPONENTS]
    smooth = min((attempt(p / np.exp(np.log(p).mean())) for p in powers), key=lambda found: found[0])
    _, factors, *_ = smooth if smooth[0] < WORTH * plain[0] else plain
    _, factors, scale, zero = min((attempt(factors, share) for share in RANGES), key=lambda found: found[0])
    return factors.astype(np.float32), scale, zero


def compensated(matrix, rows):
    """Integers of a matrix (inputs x outputs) and the scale of each column, for the least error of rows @ matrix.

    What rounding the weights of an input leaves is made up for by the weights of those after it, as far as rows show the two
    together (GPTQ, Frantar et al. 2023, algorithm 1); inputs with the most energy come first.
    """
    energy = (rows.T @ rows).astype(np.float64)
    order = np.argsort(-np.diag(energy))
    energy = energy[np.ix_(order, order)] + max(DAMPING * np.diag(energy).mean(), 1e-8) * np.eye(len(order))
    spread = np.linalg.cholesky(np.linalg.inv(energy)).T.astype(np.float32)
    scale = np.maximum(np.abs(matrix).max(0), 1e-12) / 127
    left, integers = (matrix / scale)[order].astype(np.float32), np.empty(matrix.shape, np.int8)
    for at in range(0, len(order), BLOCK):
        end = min(at + BLOCK, len(order))
        errors = np.empty_like(left[at:end])
        for i in range(at, end):
            whole = np.clip(np.rint(left[i]), -127, 127)
            integers[order[i]], errors[i - at] = whole, (left[i] - whole) / spread[i, i]
            left[i + 1 : end] -= np.outer(spread[i, i + 1 : end], errors[i - at])
        left[end:] -= spread[at:end, end:].T @ errors
    return integers, scale.astype(np.float32)
