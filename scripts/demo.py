"""Labels real texts and pictures whose labels are known, and tells how well it went. Run by `make demo`."""

import csv
import itertools
import json
import pathlib
import subprocess
import sys

import contact_sheet

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "demo"
PROGRAM = ROOT / "bin" / "labelloop"
BANKING77 = ROOT / "testdata" / "banking77"
IMAGES = ROOT / "testdata" / "images" / "labels.csv"
SAMPLE = 500
TEMPLATE = "my question is about {}"  # the best of five on Banking77's training queries: docs/accuracy.md
ROWS = 3  # shown to the person


def label(title, source, output, *flags, things="texts"):
    """Runs the verb label and prints its summary and some rows that a person can read."""
    command = [PROGRAM, "label", *flags, "--overwrite", "--json", "--output", output, source]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"demo: {' '.join(map(str, command))} ended with exit code {done.returncode}")
    s = json.loads(done.stdout)
    print(f"\n{title}")
    print(f"  accuracy   {100 * s['accuracy']:.2f} % of {s['known_labels']:,} known labels")
    print(f"  to review  {100 * s['review'] / s['items']:.1f} % ({s['review']:,} items of confidence under 0.9)")
    print(f"  rate       {s['rate']:,.0f} {things} a second on {s['device']}")
    print(f"  output     {output.relative_to(ROOT)}")
    with output.open(encoding="utf-8") as rows:
        for row in map(json.loads, itertools.islice(rows, 0, s["items"] // ROWS * ROWS, s["items"] // ROWS)):
            mark = "=" if row["label"] == row["gold"] else f"(known: {row['gold']})"
            print(f"    {row['confidence']:.2f} {row['route']:<7} {row['label']:<28} {shown(row)!r} {mark}")
    return s


def shown(row):
    """What a person recognises an item by."""
    return row["text"][:64] if "text" in row else pathlib.Path(row["image"]).name


def label_pictures():
    """Labels photographs with the words that they are known by, and writes a page that shows them."""
    with IMAGES.open(encoding="utf-8", newline="") as f:
        names = sorted({row["label"] for row in csv.DictReader(f)})
    (OUT / "pictures.txt").write_text("".join(name + "\n" for name in names), encoding="utf-8")
    output = OUT / "pictures.jsonl"
    title = f"Pictures: {len(names)} labels that the model was never trained on, by their names alone (conse-lite0, zero-shot)"
    s = label(title, IMAGES, output, "--model", "conse-lite0", "--task", "image-zero-shot", "--labels-file", OUT / "pictures.txt",
              "--explain", things="pictures")  # fmt: skip
    records = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    summary = f"{s['items']} pictures, {len(names)} labels, {100 * s['accuracy']:.1f} % as known; {s['model']} on {s['device']}"
    contact_sheet.write(records, OUT / "pictures.html", "Pictures labelled by labelloop", summary)
    print(f"  page       {(OUT / 'pictures.html').relative_to(ROOT)}")


def sample(source, target, n):
    """Writes n rows, evenly spread over the source, whose rows stand sorted by label."""
    with source.open(encoding="utf-8", newline="") as f:
        header, *rows = csv.reader(f)
    with target.open("w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(header)
        out.writerows(rows[i * len(rows) // n] for i in range(n))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    label("CLINC150: 150 intents, by a classifier that was trained on them (minilm-clinc150)",
          ROOT / "testdata" / "clinc150" / "test.csv", OUT / "clinc150.jsonl", "--model", "minilm-clinc150")
    sample(BANKING77 / "test.csv", OUT / "banking77.csv", SAMPLE)
    label("Banking77: 77 intents that the model was never trained on, by their names alone (minilm, zero-shot)",
          OUT / "banking77.csv", OUT / "banking77.jsonl", "--model", "minilm", "--labels-file", BANKING77 / "labels.txt",
          "--template", TEMPLATE)
    label_pictures()


if __name__ == "__main__":
    main()
