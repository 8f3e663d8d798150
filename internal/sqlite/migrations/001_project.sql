-- A project: what is labelled, by which labels, what machines and people said of it.
--
-- Times are milliseconds since 1970, UTC. Numbers in blobs are float32, little-endian. Rows of predictions and embeddings
-- are numbered (model or encoder) << 40 | item, so that those of one model lie together, in the order of the items.

CREATE TABLE project (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    task        TEXT    NOT NULL CHECK (task IN ('text-classification', 'image-classification')),
    multi_label INTEGER NOT NULL CHECK (multi_label IN (0, 1)),
    created     INTEGER NOT NULL
) STRICT;

-- Labels. A change of the label set is one row of label_changes, whose id is the set's revision.

CREATE TABLE label_changes (
    id     INTEGER PRIMARY KEY,
    kind   TEXT    NOT NULL CHECK (kind IN ('add', 'rename', 'merge', 'split', 'delete')),
    before TEXT    NOT NULL, -- JSON list of names
    after  TEXT    NOT NULL,
    author TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    items  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER label_changes_update BEFORE UPDATE ON label_changes
BEGIN SELECT RAISE(ABORT, 'label changes are append-only'); END;
CREATE TRIGGER label_changes_delete BEFORE DELETE ON label_changes
BEGIN SELECT RAISE(ABORT, 'label changes are append-only'); END;

CREATE TABLE labels (
    id      INTEGER PRIMARY KEY, -- in the order of the label set
    state   TEXT    NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'merged', 'split', 'deleted')),
    becomes INTEGER REFERENCES labels (id), -- never one that is merged itself
    CHECK ((state = 'merged') = (becomes IS NOT NULL))
) STRICT;

-- The names of a label: from revision since on, before revision until.
CREATE TABLE label_names (
    name     TEXT    NOT NULL,
    label_id INTEGER NOT NULL REFERENCES labels (id),
    since    INTEGER NOT NULL REFERENCES label_changes (id) DEFERRABLE INITIALLY DEFERRED,
    until    INTEGER REFERENCES label_changes (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (name, since)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX label_names_now ON label_names (name) WHERE until IS NULL;
CREATE UNIQUE INDEX label_names_of ON label_names (label_id) WHERE until IS NULL;

-- Items, numbered in the order of import.

CREATE TABLE items (
    id            INTEGER PRIMARY KEY,
    source_id     TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    pair          TEXT    NOT NULL,
    image         TEXT    NOT NULL,
    meta          TEXT, -- JSON object
    file          TEXT    NOT NULL,
    line          INTEGER NOT NULL,
    digest        BLOB    NOT NULL CHECK (length(digest) = 32),
    imported      INTEGER NOT NULL,
    split         TEXT    NOT NULL CHECK (split IN ('pool', 'eval', 'audit')),
    -- What item_states says of it, kept up to date by whoever appends an annotation or changes the label set.
    state         TEXT    NOT NULL DEFAULT '' CHECK (state IN ('', 'labelled', 'stale', 'rejected', 'skipped', 'flagged')),
    annotation_id INTEGER REFERENCES annotations (id)
) STRICT;
CREATE UNIQUE INDEX items_by_digest ON items (digest);
CREATE INDEX items_by_state ON items (split, state);

-- Where the content of an item stood again.
CREATE TABLE copies (
    item_id   INTEGER NOT NULL REFERENCES items (id),
    file      TEXT    NOT NULL,
    line      INTEGER NOT NULL,
    source_id TEXT    NOT NULL,
    labels    TEXT    NOT NULL, -- JSON list of the names that the source gave
    meta      TEXT,
    PRIMARY KEY (item_id, file, line)
) STRICT, WITHOUT ROWID;

-- Predictions and embeddings.

CREATE TABLE models (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    calibration TEXT, -- JSON
    registered  INTEGER NOT NULL,
    UNIQUE (name, version)
) STRICT;

CREATE TABLE model_labels (
    model_id INTEGER NOT NULL REFERENCES models (id),
    position INTEGER NOT NULL, -- among the probabilities
    name     TEXT    NOT NULL, -- as the model has it
    label_id INTEGER REFERENCES labels (id), -- the label of that name when the model was registered
    PRIMARY KEY (model_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE predictions (
    id         INTEGER PRIMARY KEY CHECK (id = (model_id << 40 | item_id)),
    model_id   INTEGER NOT NULL REFERENCES models (id),
    item_id    INTEGER NOT NULL REFERENCES items (id),
    probs      BLOB,
    position   INTEGER, -- of the most probable label
    confidence REAL,
    error      TEXT,
    CHECK ((probs IS NULL) = (error IS NOT NULL))
) STRICT;
CREATE INDEX predictions_by_confidence ON predictions (model_id, position, confidence);

CREATE TABLE encoders (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE,
    dims INTEGER NOT NULL
) STRICT;

CREATE TABLE embeddings (
    id         INTEGER PRIMARY KEY CHECK (id = (encoder_id << 40 | item_id)),
    encoder_id INTEGER NOT NULL REFERENCES encoders (id),
    item_id    INTEGER NOT NULL REFERENCES items (id),
    vector     BLOB    NOT NULL
) STRICT;
CREATE INDEX embeddings_by_encoder ON embeddings (encoder_id);

-- The queue.

CREATE TABLE rounds (
    id         INTEGER PRIMARY KEY,
    strategy   TEXT    NOT NULL,
    n          INTEGER NOT NULL,
    seed       INTEGER NOT NULL,
    model_id   INTEGER REFERENCES models (id),
    parameters TEXT, -- JSON
    metrics    TEXT, -- JSON
    started    INTEGER NOT NULL
) STRICT;

CREATE TABLE queue (
    id       INTEGER PRIMARY KEY,
    round_id INTEGER NOT NULL REFERENCES rounds (id),
    item_id  INTEGER NOT NULL REFERENCES items (id),
    position INTEGER NOT NULL,
    reason   TEXT    NOT NULL CHECK (reason IN ('uncertain', 'control', 'relabel', 'audit', 'cold')),
    score    REAL,
    people   INTEGER NOT NULL CHECK (people > 0), -- how many shall label it
    answered INTEGER NOT NULL DEFAULT 0,          -- how many did
    state    TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'withdrawn'))
) STRICT;
CREATE UNIQUE INDEX queue_open_items ON queue (item_id) WHERE state = 'open';
CREATE INDEX queue_open ON queue (round_id, position) WHERE state = 'open';
CREATE INDEX queue_by_item ON queue (item_id);
CREATE INDEX queue_by_state ON queue (state, reason);
CREATE INDEX queue_answered ON queue (reason) WHERE answered > 0;

CREATE TABLE annotators (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Who has an entry before them: until it expires, or, once there is an annotation, for good.
CREATE TABLE assignments (
    entry_id      INTEGER NOT NULL REFERENCES queue (id),
    annotator_id  INTEGER NOT NULL REFERENCES annotators (id),
    expires       INTEGER NOT NULL,
    annotation_id INTEGER REFERENCES annotations (id),
    PRIMARY KEY (entry_id, annotator_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_leased ON assignments (annotator_id, expires) WHERE annotation_id IS NULL;
CREATE INDEX assignments_by_annotation ON assignments (annotation_id) WHERE annotation_id IS NOT NULL;

-- Annotations: appended, never changed.

CREATE TABLE annotations (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT    NOT NULL UNIQUE,
    item_id      INTEGER NOT NULL REFERENCES items (id),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    at           INTEGER NOT NULL,
    took         INTEGER NOT NULL,
    verdict      TEXT    NOT NULL
                 CHECK (verdict IN ('accepted', 'corrected', 'rejected', 'skipped', 'flagged', 'undone')),
    note         TEXT    NOT NULL,
    suggestion   TEXT, -- JSON list of names; NULL: nothing was shown
    model_id     INTEGER REFERENCES models (id),
    round_id     INTEGER REFERENCES rounds (id),
    revision     INTEGER NOT NULL, -- of the label set that the person saw
    undoes       INTEGER UNIQUE REFERENCES annotations (id),
    CHECK ((verdict = 'undone') = (undoes IS NOT NULL))
) STRICT;
CREATE INDEX annotations_by_item ON annotations (item_id, annotator_id);
CREATE INDEX annotations_by_annotator ON annotations (annotator_id);
CREATE INDEX annotations_by_verdict ON annotations (annotator_id, verdict, took);

CREATE TABLE annotation_labels (
    annotation_id INTEGER NOT NULL REFERENCES annotations (id),
    position      INTEGER NOT NULL,
    label_id      INTEGER NOT NULL REFERENCES labels (id),
    name          TEXT    NOT NULL, -- as the person saw it
    PRIMARY KEY (annotation_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotation_labels_by_label ON annotation_labels (label_id);

CREATE TRIGGER annotations_insert BEFORE INSERT ON annotations
WHEN EXISTS (SELECT 1 FROM annotations WHERE id = NEW.id OR key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotations_update BEFORE UPDATE ON annotations
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotations_delete BEFORE DELETE ON annotations
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotation_labels_insert BEFORE INSERT ON annotation_labels
WHEN EXISTS (SELECT 1 FROM annotation_labels WHERE annotation_id = NEW.annotation_id AND position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotation_labels_update BEFORE UPDATE ON annotation_labels
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotation_labels_delete BEFORE DELETE ON annotation_labels
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;

-- The labels that an item has: a person's, as the label set has them now. What
-- item_label_states says, kept like items.state.
CREATE TABLE item_labels (
    label_id INTEGER NOT NULL REFERENCES labels (id),
    item_id  INTEGER NOT NULL REFERENCES items (id),
    PRIMARY KEY (label_id, item_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_labels_by_item ON item_labels (item_id);

-- The newest annotation of each person on each item, of those that were not taken back.
CREATE VIEW standing AS
SELECT a.* FROM annotations a
WHERE a.verdict <> 'undone'
  AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id)
  AND NOT EXISTS (
    SELECT 1 FROM annotations b
    WHERE b.item_id = a.item_id AND b.annotator_id = a.annotator_id AND b.id > a.id AND b.verdict <> 'undone'
      AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = b.id));

-- The labels of each annotation as the label set has them now.
CREATE VIEW present_labels AS
SELECT al.annotation_id, now.id AS label_id, now.state
FROM annotation_labels al
JOIN labels was ON was.id = al.label_id
JOIN labels now ON now.id = coalesce(was.becomes, was.id);

-- The state of each item that somebody annotated. Of several people's words the newest that gives labels counts.
CREATE VIEW item_states AS
SELECT item_id, annotation_id,
    CASE
        WHEN verdict NOT IN ('accepted', 'corrected') THEN verdict
        WHEN EXISTS (
            SELECT 1 FROM present_labels p JOIN project ON project.id = 1
            WHERE p.annotation_id = counts.annotation_id
              AND (p.state = 'split' OR p.state = 'deleted' AND NOT project.multi_label)) THEN 'stale'
        ELSE 'labelled'
    END AS state
FROM (
    SELECT item_id, id AS annotation_id, verdict, max((verdict IN ('accepted', 'corrected')) << 62 | id)
    FROM standing GROUP BY item_id
) AS counts;

-- The labels of each item that is labelled.
CREATE VIEW item_label_states AS
SELECT DISTINCT p.label_id, s.item_id
FROM item_states s JOIN present_labels p ON p.annotation_id = s.annotation_id
WHERE s.state = 'labelled' AND p.state = 'active';

CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    author TEXT    NOT NULL,
    data   TEXT -- JSON
) STRICT;
