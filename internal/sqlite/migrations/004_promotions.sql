-- What models are judged on, and which of them came to be used.

-- Versions of the evaluation set: another one begins when items are added, or when their labels change.
CREATE TABLE evaluations (
    id     INTEGER PRIMARY KEY,
    digest TEXT    NOT NULL, -- SHA-256 of the items' digests and labels
    items  INTEGER NOT NULL,
    added  INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- The items that models were judged on. They are never trained on from then on.
CREATE TABLE evaluation_items (
    item_id       INTEGER PRIMARY KEY REFERENCES items (id),
    evaluation_id INTEGER NOT NULL REFERENCES evaluations (id) -- version that it was added in
) STRICT;

CREATE TABLE promotions (
    id            INTEGER PRIMARY KEY,
    kind          TEXT    NOT NULL CHECK (kind IN ('promotion', 'rollback')),
    name          TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    before        TEXT    NOT NULL, -- name@version that was in use; '': none
    author        TEXT    NOT NULL,
    reason        TEXT    NOT NULL, -- why, where a person said so
    evaluation_id INTEGER REFERENCES evaluations (id),
    verdict       TEXT, -- JSON
    at            INTEGER NOT NULL
) STRICT;

CREATE TRIGGER evaluations_update BEFORE UPDATE ON evaluations
BEGIN SELECT RAISE(ABORT, 'evaluations are append-only'); END;
CREATE TRIGGER evaluations_delete BEFORE DELETE ON evaluations
BEGIN SELECT RAISE(ABORT, 'evaluations are append-only'); END;
CREATE TRIGGER evaluation_items_update BEFORE UPDATE ON evaluation_items
BEGIN SELECT RAISE(ABORT, 'the evaluation set is append-only'); END;
CREATE TRIGGER evaluation_items_delete BEFORE DELETE ON evaluation_items
BEGIN SELECT RAISE(ABORT, 'the evaluation set is append-only'); END;
CREATE TRIGGER promotions_update BEFORE UPDATE ON promotions
BEGIN SELECT RAISE(ABORT, 'promotions are append-only'); END;
CREATE TRIGGER promotions_delete BEFORE DELETE ON promotions
BEGIN SELECT RAISE(ABORT, 'promotions are append-only'); END;
