-- What people decide in one, and what they and models disagree on.

-- Annotations that were made in one, and that one undo takes back.
CREATE TABLE annotation_groups (
    annotation_id INTEGER PRIMARY KEY REFERENCES annotations (id),
    name          TEXT    NOT NULL -- chosen by the caller
) STRICT;
CREATE INDEX annotation_groups_by_name ON annotation_groups (name);

CREATE TRIGGER annotation_groups_update BEFORE UPDATE ON annotation_groups
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;
CREATE TRIGGER annotation_groups_delete BEFORE DELETE ON annotation_groups
BEGIN SELECT RAISE(ABORT, 'annotations are append-only'); END;

-- What each person says of an item that several have looked at. Who passes says nothing.
CREATE VIEW answers AS
SELECT s.item_id, s.id,
    CASE WHEN s.verdict IN ('accepted', 'corrected')
        THEN (SELECT json_group_array(label_id ORDER BY label_id) FROM present_labels p WHERE p.annotation_id = s.id)
        ELSE s.verdict END AS said,
    EXISTS (SELECT 1 FROM annotations b
        WHERE b.item_id = s.item_id AND b.annotator_id = s.annotator_id AND b.id < s.id AND b.verdict NOT IN ('undone', 'skipped')
            AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = b.id)) AS again -- the person had answered before
FROM standing s
WHERE s.verdict <> 'skipped'
    AND EXISTS (SELECT 1 FROM annotations o WHERE o.item_id = s.item_id AND o.annotator_id <> s.annotator_id);

-- Items on which people's standing answers differ, kept like items.state.
CREATE TABLE disputes (
    item_id   INTEGER PRIMARY KEY REFERENCES items (id),
    agreement REAL    NOT NULL, -- share of the answers that are the most frequent one
    open      INTEGER NOT NULL  -- nobody shares the newest answer, and who gave it had not answered before: to look again settles it
) STRICT;
CREATE INDEX disputes_by_agreement ON disputes (agreement);
CREATE INDEX disputes_open ON disputes (item_id) WHERE open;

INSERT INTO disputes
SELECT item_id, 1.0 * max(same) / sum(same), coalesce(max(id) = max(CASE WHEN same = 1 AND NOT again THEN id END), 0)
FROM (SELECT item_id, count(*) AS same, again, max(id) AS id FROM answers GROUP BY item_id, said)
GROUP BY item_id HAVING count(*) > 1;

-- Items to which a model version and the one registered before it give other labels. Rows are numbered as those of
-- predictions are, by the later version.
CREATE TABLE model_disputes (
    id       INTEGER PRIMARY KEY,
    model_id INTEGER NOT NULL REFERENCES models (id),
    overlap  REAL    NOT NULL -- of the two versions' probabilities, 0 to 1: 0 where both are sure
) STRICT;
CREATE INDEX model_disputes_by_overlap ON model_disputes (model_id, overlap);

-- The order of a search at random (see search.go).
CREATE INDEX items_at_random ON items ((id * 2654435761 % 4294967291 * (id * 40503 % 65521 + 1) % 4294967291));
