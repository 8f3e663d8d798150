#!/usr/bin/env python3
"""Write the tables of docs/benchmarks.md and README.md from the figures of out/bench/results.json."""

import json
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT, README = ROOT / "docs" / "benchmarks.md", ROOT / "README.md"
RESULTS = "<!-- written by make bench-peers -->\n", "<!-- end -->\n"
SUMMARY = "<!-- speed, written by make bench-peers -->\n", "<!-- end of speed -->\n"
ORDER = [  # of the rows
    "labelloop",
    "labelloop, int8",
    "labelloop, bf16",
    "the graph alone, on labelloop's batches",
    "onnxruntime (Python), sorted",
    "Optimum pipeline, in the order given",
    "hugot, in the order given",
    "hugot, sorted by its user",
    "OpenVINO (Python), f32, sorted",
    "OpenVINO (Python), bf16, sorted",
    "transformers pipeline",
]
BESIDE = {  # what the README compares with, and the rows of the tables
    "transformers pipeline": "transformers pipeline",
    "Optimum pipeline on ONNX Runtime": "Optimum pipeline, in the order given",
    "hugot, settings chosen for these texts": "hugot, in the order given",
    "onnxruntime in Python, sorted": "onnxruntime (Python), sorted",
    "OpenVINO in Python, sorted, settings chosen for these texts": "OpenVINO (Python), f32, sorted",
}
SUMMARIZED = r"[\d,]+ texts, (?:mixed|one length), (.*) tokens"  # titles of the README's sets
FP32_SET = r"[\d,]+ texts, one length, (50) tokens"  # whose share of the peak is told
NONE = "–"


def spread(values, digits):
    """Return the median, and lowest and highest if there are several."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(found, row):
    """Return seconds of a row divided by labelloop's, one for each round."""
    return [other / own for other, own in zip(row["seconds"], found["rows"][0]["seconds"])]


def ratio(found, row):
    if row["left_out"] or found["rows"][0]["left_out"]:
        return NONE
    return "" if row["name"] == "labelloop" else spread(ratios(found, row), 2)


def agreement(row, embeds):
    share = row["same"]
    if share is None:
        return ""
    return f"{share:.6f}" if embeds else f"{100 * share:.2f} %"


def table(found):
    """Return the Markdown of one set."""
    unit = re.match(r"[\d,]+ (\w+)", found["title"])[1]
    embeds = "embeddings" in found["title"]
    compared = "lowest cosine" if embeds else "same labels"
    heads = [f"{unit}/s", *(["tokens/s"] if found["tokens"] else []), "labelloop / this", compared, "MB at most"]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for row in found["rows"]:
        name = ", ".join(part for part in (row["name"], row["setting"]) if part)
        if row["left_out"]:
            rates, rest = [f"left out: {row['left_out']}"], ["", ""]
        else:
            median = statistics.median(row["seconds"])
            rates, rest = [f"{found['items'] / median:.1f}"], [agreement(row, embeds), f"{row['peak_mb']:.0f}"]
        if found["tokens"]:
            rates.append("" if row["left_out"] else f"{found['tokens'] / median:.0f}")
        lines.append("| " + " | ".join([name, *rates, ratio(found, row), *rest]) + " |")
    return f"\n### {found['title']}\n\n" + "\n".join(lines) + "\n"


def share_of_peak(results):
    """Return the row that tells how near labelloop comes to the machine's peak in fp32, if both are known."""
    peaks = [row["values"] for row in results["sections"].get("Limits", []) if row["what"].endswith("fp32")]
    sets = [(m, found) for found in results["sets"] if (m := re.fullmatch(FP32_SET, found["title"]))]
    if not peaks or not peaks[0] or not sets or sets[0][1]["rows"][0]["left_out"]:
        return []
    match, found = sets[0]
    operations = found["tokens"] * (21.2e6 + 9216 * int(match[1]))  # of MiniLM-L6's matrix products
    rates = [operations / seconds / 1e9 for seconds in found["rows"][0]["seconds"]]
    share = statistics.median(rates) / statistics.median(peaks[0])
    return [f"| matrix products of labelloop, fp32, one length, {match[1]} tokens | {spread(rates, 0)} GFLOP/s, {share:.2f} of the peak |"]


def figures(title, rows, more):
    lines = [f"\n### {title}\n", "| | |", "|---|---|"]
    for row in rows:
        digits = sum(max(row["values"], default=0) < limit for limit in (10, 100))
        lines.append(f"| {row['what']} | {spread(row['values'], digits) + ' ' + row['unit'] if row['values'] else ''} |")
    return "\n".join(lines + more) + "\n"


def section(results):
    text = results["about"] + "\n" + "".join(table(found) for found in results["sets"])
    for title, rows in results["sections"].items():
        text += figures(title, rows, share_of_peak(results) if title == "Limits" else [])
    return text


def summary(results):
    """Return the README's table: how many times as fast as others labelloop is, for each set of texts."""
    sets = [(m[1], found) for found in results["sets"] if (m := re.fullmatch(SUMMARIZED, found["title"]))]
    lines = [f"| tokens of a text | {' | '.join(tokens for tokens, _ in sets)} |", "|---" * (1 + len(sets)) + "|"]
    for shown, name in BESIDE.items():
        cells = [ratio(found, next(row for row in found["rows"] if row["name"] == name)).split(" ")[0] for _, found in sets]
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def replace(path, text, begin, end):
    """Put text between the markers in a document."""
    before, rest = path.read_text("utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text(before + begin + text + end + after, "utf-8")


def write(results):
    replace(DOCUMENT, section(results), *RESULTS)
    replace(README, summary(results), *SUMMARY)


if __name__ == "__main__":
    write(json.loads((ROOT / "out" / "bench" / "results.json").read_text("utf-8")))
