import { image } from './image.js';
import { text } from './text.js';

// An item view draws one kind of item: {draw(entry), prepare(entry, soon), speak(entry), thumb(entry)}.
// Spans, relations and generated text get theirs by a line here.
export const viewOf = (entry) => (entry.image ? image : text);
