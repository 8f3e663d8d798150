-- The words of a text, as item_words has them: SELECT token FROM words_of WHERE input = TEXT.
CREATE VIRTUAL TABLE words_of USING fts3tokenize(unicode61, "remove_diacritics=2");
