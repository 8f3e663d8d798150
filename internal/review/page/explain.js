import { get } from './api.js';
import { element, percent } from './element.js';

const least = { weight: 0.1, share: 0.1 }; // change of the log-odds that is shown, and its share of the greatest
const listed = { for: 5, against: 3 }; // words in the legend

// explained asks which words of an entry speak for its suggestion, and gives a promise of {shown, summary}: the text with
// these words marked and a legend below it, and a sentence for screen readers. Signal ends the wait.
export async function explained(entry, signal) {
  if (entry.image) throw new Error('Explanations are for texts.');
  const { label, prob, spans } = await get(`/api/explain/${entry.item}`, {}, signal);
  const parts = [entry.text, entry.pair].filter(Boolean).map((text) => [...text]);
  const first = entry.text ? 0 : 1; // the part that stands first
  const most = Math.max(...spans.map((s) => Math.abs(s.weight)));
  const words = spans
    .filter((s) => Math.abs(s.weight) >= Math.max(least.weight, least.share * most))
    .map((s) => ({ ...s, text: parts[s.part - first].slice(s.start, s.end).join('') }));
  const strongest = (sign) => words.filter((w) => sign * w.weight > 0).sort((a, b) => sign * (b.weight - a.weight));
  const pro = strongest(1).slice(0, listed.for);
  const con = strongest(-1).slice(0, listed.against);
  const shown = element(
    'div',
    { class: 'text explained' },
    parts.map((points, i) =>
      passage(
        points,
        words.filter((w) => w.part - first === i),
        most,
      ),
    ),
    legend(label, prob, pro, con),
  );
  return { shown, summary: summary(label, pro, con) };
}

// passage shows a text, given by its code points, with words marked.
function passage(points, words, most) {
  const p = element('p', { dir: 'auto' });
  let at = 0;
  for (const w of words) {
    p.append(points.slice(at, w.start).join(''), mark(w, most));
    at = w.end;
  }
  p.append(points.slice(at).join(''));
  return p;
}

function mark(w, most) {
  const m = element('mark', { class: w.weight > 0 ? 'for' : 'against', title: change(w.weight) }, w.text);
  m.style.setProperty('--weight', Math.abs(w.weight) / most);
  return m;
}

// change writes what the log-odds lose without a word.
const change = (weight) => `${weight > 0 ? '+' : '−'}${Math.abs(weight).toFixed(1)}`;

function legend(label, prob, pro, con) {
  const row = (title, words) =>
    words.length
      ? element(
          'div',
          {},
          element('dt', {}, title),
          words.map((w) =>
            element(
              'dd',
              {},
              element('mark', { class: w.weight > 0 ? 'for' : 'against', dir: 'auto' }, short(w.text)),
              ` ${change(w.weight)}`,
            ),
          ),
        )
      : null;
  return element(
    'section',
    { class: 'legend', 'aria-label': 'Explanation' },
    element('p', {}, 'Why ', element('b', { dir: 'auto' }, label), ` (${percent(prob)})?`),
    pro.length + con.length
      ? element('dl', {}, row('For it', pro), row('Against it', con))
      : element('p', {}, 'No word by itself makes a difference.'),
    element(
      'p',
      { class: 'hint' },
      'What the label’s log-odds lose without the word: 0.7 halves the odds, 2.3 leaves a tenth.',
    ),
  );
}

const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

function summary(label, pro, con) {
  const list = (words) => words.map((w) => `${short(w.text)} (${change(w.weight)})`).join(', ');
  return [
    pro.length ? `For ${label}: ${list(pro)}.` : `No word by itself speaks for ${label}.`,
    con.length ? `Against it: ${list(con)}.` : '',
  ]
    .join(' ')
    .trim();
}
