#!/usr/bin/env python3
"""Write the confidence of minilm-clinc150 in each of CLINC150's 4,500 test queries, and whether it is wrong.

    make build && python3 scripts/clinc150_confidence.py          # testdata/activelearn/clinc150_confidence.json
"""

import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "labels.jsonl"
        subprocess.run([ROOT / "bin" / "labelloop", "label", "--model", "minilm-clinc150", "--output", output,
                        ROOT / "testdata" / "clinc150" / "test.csv"], check=True)  # fmt: skip
        rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    cases = {
        "confidence": [row["confidence"] for row in rows],
        "wrong": [i for i, row in enumerate(rows) if row["label"] != row["gold"]],
    }
    target = ROOT / "testdata" / "activelearn" / "clinc150_confidence.json"
    target.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
