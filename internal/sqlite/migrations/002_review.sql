-- What people search for while they review.

CREATE INDEX items_of_state ON items (state);
CREATE INDEX predictions_by_certainty ON predictions (model_id, confidence);
CREATE INDEX annotations_by_time ON annotations (annotator_id, at, verdict);

-- The words of items. FTS4 is in every build of the driver, and all that FTS5 would add is an order by relevance. The texts
-- themselves stay in items, whose rows are never changed in these columns.
CREATE VIRTUAL TABLE item_words USING fts4 (content="items", text, pair, image, matchinfo="fts3", tokenize=unicode61 "remove_diacritics=2");
INSERT INTO item_words (item_words) VALUES ('rebuild');
CREATE TRIGGER items_words AFTER INSERT ON items
BEGIN INSERT INTO item_words (docid, text, pair, image) VALUES (NEW.id, NEW.text, NEW.pair, NEW.image); END;
