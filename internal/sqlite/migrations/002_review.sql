-- What people search for while they review.

CREATE INDEX items_of_state ON items (state);
CREATE INDEX predictions_by_certainty ON predictions (model_id, confidence);
CREATE INDEX annotations_by_time ON annotations (annotator_id, at, verdict);

-- The words of items, up to the item of words_indexed: an import of a million texts would take three times as long if it
-- indexed them, and not every project is searched. FTS4 is in every build of the driver, and all that FTS5 would add is an
-- order by relevance. The texts themselves stay in items, whose rows are never changed in these columns.
CREATE TABLE words_indexed (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    item INTEGER NOT NULL
) STRICT;
INSERT INTO words_indexed VALUES (1, 0);
CREATE VIEW indexed_items AS SELECT id AS rowid, text, pair, image FROM items WHERE id <= (SELECT item FROM words_indexed);
CREATE VIRTUAL TABLE item_words USING fts4 (content="indexed_items", text, pair, image, matchinfo="fts3", tokenize=unicode61 "remove_diacritics=2");
