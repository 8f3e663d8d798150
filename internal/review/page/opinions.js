import { words } from './decision.js';
import { element } from './element.js';
import { cap } from './keys.js';

const gives = ({ verdict }) => verdict === 'accepted' || verdict === 'corrected';

// adjudicated gives an entry the majority's answer as its suggestion, in the place of a model's.
export const adjudicated = (entry) => ({ ...entry, suggestion: majority(entry.annotations), model: 0 });

// majority gives what more than half of those who gave labels agree on, as a suggestion; null where there is no such thing.
function majority(annotations) {
  const given = annotations.filter(gives).map((a) => ({ labels: a.labels, key: JSON.stringify([...a.labels].sort()) }));
  for (const { labels, key } of given) {
    const votes = given.filter((g) => g.key === key).length;
    if (2 * votes > given.length)
      return { labels, confidence: votes / given.length, votes: `${votes} of ${given.length}`, scores: [] };
  }
  return null;
}

// opinions shows everybody's answer side by side; take(labels) is called with one that is taken over, and key(labels) gives
// the key that does so, if there is one.
export function opinions(entry, take, key) {
  return element(
    'ul',
    { class: 'opinions', 'aria-label': 'Answers' },
    entry.annotations.map((a) =>
      element(
        'li',
        {},
        element('strong', { dir: 'auto' }, a.annotator),
        element('span', { class: 'answer', dir: 'auto' }, words(a)),
        a.note ? element('q', { dir: 'auto' }, a.note) : null,
        element(
          'time',
          { dateTime: a.at },
          new Date(a.at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
        ),
        gives(a)
          ? element(
              'button',
              { type: 'button', class: 'quiet', onclick: () => take(a.labels) },
              key(a.labels) ? element('kbd', {}, cap(key(a.labels))) : null,
              'Take this',
            )
          : null,
      ),
    ),
  );
}
