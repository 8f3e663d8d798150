#!/usr/bin/env python3
"""Draw docs/benchmarks.svg from the figures of out/bench/results.json: speeds divided by labelloop's, a panel for each set.

The drawing has no background, and lines and letters of a grey that can be read on white and on black. The same figures give the same bytes.
"""

import json
import re
import statistics

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from tables import ROOT

FILE = ROOT / "docs" / "benchmarks.svg"
GREY, OWN, OTHERS = "#7d8590", "#1f9d78", "#8fa3bf"
COLUMNS, WIDTH, ROW = 2, 10, 0.27  # inches
STYLE = {
    "svg.hashsalt": "labelloop", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8.5, "text.color": GREY,
    "axes.labelcolor": GREY, "axes.edgecolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
}  # fmt: skip


def bars_of(found):
    return [row for row in found["rows"] if not row["left_out"] and not row["name"].startswith("the graph alone")]


def panel(axes, found, lines):
    """Draw the bars of one set, labelloop's first, where there is room for so many."""
    rows = bars_of(found)
    own = rows[0]["seconds"]
    speeds = [statistics.median(a / b for a, b in zip(own, row["seconds"])) for row in rows]
    names = [row["name"] for row in rows]
    bars = axes.barh(names, speeds, color=[OWN if name.startswith("labelloop") else OTHERS for name in names], height=0.7)
    axes.bar_label(bars, [f"{speed:.2f}" for speed in speeds], padding=3)
    axes.axvline(1, color=GREY, linewidth=0.7, linestyle=":")
    axes.set_ylim(lines - 0.5, -0.5)
    axes.set_title(re.sub(r"^[\d,]+ ", "", found["title"]), loc="left", x=-0.45, fontsize=9, fontweight="bold")
    axes.set_xlim(0, 1.15 * max(speeds))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def write(results):
    sets = [found for found in results["sets"] if not found["rows"][0]["left_out"]]
    lines = -(-len(sets) // COLUMNS)
    heights = [max(len(bars_of(found)) for found in sets[COLUMNS * i : COLUMNS * (i + 1)]) for i in range(lines)]
    with plt.rc_context(STYLE):
        size = WIDTH, ROW * sum(heights) + 0.75 * lines
        figure, axes = plt.subplots(lines, COLUMNS, figsize=size, height_ratios=heights, layout="constrained", squeeze=False)
        for one in axes.flat[len(sets) :]:
            one.set_visible(False)
        for i, (one, found) in enumerate(zip(axes.flat, sets)):
            panel(one, found, heights[i // COLUMNS])
        figure.supxlabel("speed, labelloop in fp32 = 1 (more is faster)", fontsize=8.5)
        figure.savefig(FILE, transparent=True, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    write(json.loads((ROOT / "out" / "bench" / "results.json").read_text("utf-8")))
