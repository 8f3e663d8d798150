"""Make a project of many items, as one looks after a model has judged them all.

Items are sentences of testdata/wiki, one to sixteen of them joined; the labels are those of CLINC150. They come in by
`labelloop import`. To predict and to embed a million would take an hour, so the rows that `labelloop predict` would write
are made here: probabilities of all labels, and embeddings, each a mixture of two real sentences' ones and some noise. The index
of words, which a server makes beside its work, is made too.
"""

import contextlib
import csv
import json
import sqlite3
import subprocess

import numpy as np

SEED = 5
SENTENCES = 16  # of an item, at most
MIXED, NOISE = 0.35, 0.3  # share of the second sentence, at most; length of what is added to a unit vector
LABELLED = 100  # one item of so many has a person's label
BATCH = 50_000
FILE = "labelloop.db"
ITEM_BITS = 40  # of a row's number, see the migrations


def call(*command):
    """Run labelloop."""
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def open_project(project):
    """Open a project's database."""
    db = sqlite3.connect(project / FILE, isolation_level=None)
    db.execute("PRAGMA writable_schema = 1")  # views that Python's SQLite may be too old for are left aside
    return db


def labels(root):
    with open(root / "testdata" / "clinc150" / "train.csv", encoding="utf-8", newline="") as file:
        return sorted({row["label"] for row in csv.DictReader(file)})


def write_texts(root, path, items, names):
    """Write items as JSONL, one of LABELLED with a label."""
    sentences = (root / "testdata" / "wiki" / "wiki_sentences.txt").read_text("utf-8").splitlines()
    rng = np.random.default_rng(SEED)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(items):
            some = rng.integers(0, len(sentences), 1 + int(SENTENCES ** rng.random()) % SENTENCES)
            row = {"id": str(i), "text": " ".join(sentences[k] for k in some) + f" {i}"}
            if i % LABELLED == 0:
                row["label"] = names[int(rng.integers(len(names)))]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def real_embeddings(binary, folder, root):
    """Embed the wiki's sentences; return unit vectors."""
    project = folder / "sentences"
    if not project.exists():
        call(binary, "init", project, "--labels", "a,b")
        call(binary, "import", "--project", project, root / "testdata" / "wiki" / "wiki_sentences.txt")
    call(binary, "predict", "--project", project, "--model", "minilm", "--task", "feature-extraction")
    with contextlib.closing(open_project(project)) as db:
        rows = np.stack([np.frombuffer(row[0], "<f4") for row in db.execute("SELECT vector FROM embeddings ORDER BY id")])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def predictions(rng, n, classes):
    """Softmax of logits of which one stands out more or less, as a trained model's do."""
    logits = rng.standard_normal((n, classes), np.float32)
    logits[np.arange(n), rng.integers(0, classes, n)] += rng.gamma(4, 2, n)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (probs / probs.sum(axis=1, keepdims=True)).astype("<f4")


def embeddings(rng, n, real):
    a, b = real[rng.integers(0, len(real), n)], real[rng.integers(0, len(real), n)]
    share = rng.uniform(0, MIXED, (n, 1))
    mixed = (1 - share) * a + share * b
    noise = rng.standard_normal(mixed.shape) * NOISE / np.sqrt(mixed.shape[1])
    mixed = mixed / np.linalg.norm(mixed, axis=1, keepdims=True) + noise
    return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype("<f4")


def fill(project, items, names, real):
    """Write what a model and an encoder would have said of all items, and index their words."""
    rng = np.random.default_rng(SEED)
    db = open_project(project)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("INSERT INTO models (id, name, version, registered) VALUES (1, 'made', '1', 0)")
    known = dict(db.execute("SELECT name, label_id FROM label_names WHERE until IS NULL"))
    db.executemany("INSERT INTO model_labels VALUES (1, ?, ?, ?)", [(i, name, known[name]) for i, name in enumerate(names)])
    db.execute("INSERT INTO encoders VALUES (1, 'made@1', ?)", (real.shape[1],))
    for start in range(1, items + 1, BATCH):
        numbers = range(start, min(start + BATCH, items + 1))
        probs = predictions(rng, len(numbers), len(names))
        best = probs.argmax(axis=1)
        vectors = embeddings(rng, len(numbers), real)
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO predictions (id, model_id, item_id, probs, position, confidence) VALUES (?, 1, ?, ?, ?, ?)",
            [(1 << ITEM_BITS | n, n, probs[i].tobytes(), int(best[i]), float(probs[i, best[i]])) for i, n in enumerate(numbers)],
        )
        db.executemany(
            "INSERT INTO embeddings (id, encoder_id, item_id, vector) VALUES (?, 1, ?, ?)",
            [(1 << ITEM_BITS | n, n, vectors[i].tobytes()) for i, n in enumerate(numbers)],
        )
        db.execute("COMMIT")
        db.execute("BEGIN")
        db.execute("INSERT INTO item_words (docid, text, pair, image) SELECT id, text, pair, image FROM items WHERE id BETWEEN ? AND ?", (start, numbers[-1]))
        db.execute("UPDATE words_indexed SET item = ?", (numbers[-1],))
        db.execute("COMMIT")
    db.close()


def make(binary, root, folder, items):
    """Make the project folder/"million" unless it is there, and return its path."""
    project = folder / "million"
    if (folder / "made").exists():
        return project
    folder.mkdir(parents=True, exist_ok=True)
    names = labels(root)
    (folder / "labels.txt").write_text("".join(name + "\n" for name in names), "utf-8")
    write_texts(root, folder / "texts.jsonl", items, names)
    call(binary, "init", project, "--labels-file", folder / "labels.txt")
    call(binary, "import", "--project", project, "--annotator", "carol", folder / "texts.jsonl")
    fill(project, items, names, real_embeddings(binary, folder, root))
    (folder / "made").touch()
    return project
