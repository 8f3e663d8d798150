"""Writes rows.parquet with pyarrow (26.0.1): one column of each kind that data sets use, nulls, two row groups."""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

when = datetime.datetime(2020, 1, 2, 3, 4, 5, 678000)
table = pa.table({
    "id": pa.array([9007199254740993, 2, None], pa.int64()),
    "text": ["grüße 🙂", None, "third"],
    "label": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
    "group": pa.array([{"x": 1, "y": "q"}, None, {"x": None, "y": "z"}]),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "spans": pa.array([[{"start": 1, "label": "ORG"}], [], None]),
    "time": pa.array([when] * 3, pa.timestamp("us")),
    "utc": pa.array([when] * 3, pa.timestamp("ms", tz="UTC")),
    "day": [datetime.date(1969, 12, 31)] * 3,
    "double": [1.5, float("nan"), None],
    "float": pa.array([0.1, 2, 3], pa.float32()),
    "bool": [True, False, None],
    "price": [decimal.Decimal("1.25")] * 3,
    "bytes": pa.array([b"\xff\x00", b"a", None]),
    "dictionary": pa.array(["u", "v", "u"]).dictionary_encode(),
    "u64": pa.array([2**63 + 1, 1, 2], pa.uint64()),
    "i16": pa.array([-1, 2, 3], pa.int16()),
})
pq.write_table(table, Path(__file__).with_name("rows.parquet"), row_group_size=2)
