import { dialog } from './dialog.js';
import { element, percent } from './element.js';

const most = 60; // matches that are listed

// find lets a person find a label by typing some of it, and gives a promise of its name, or null. Scores are the model's.
export function find(labels, scores = []) {
  return new Promise((resolve) => {
    let found = null,
      matches = [],
      at = 0;
    const probs = new Map(scores.map((s) => [s.label, s.prob]));
    const input = element('input', {
      type: 'text',
      autocomplete: 'off',
      spellcheck: false,
      role: 'combobox',
      'aria-label': 'Label',
      'aria-expanded': 'true',
      'aria-controls': 'matches',
      'aria-autocomplete': 'list',
    });
    const list = element('ul', { id: 'matches', role: 'listbox', 'aria-label': 'Labels', class: 'matches' });
    const choose = (name) => {
      found = name;
      box.close();
    };
    const mark = () => {
      [...list.children].forEach((option, i) => option.setAttribute('aria-selected', i === at));
      list.children[at]?.scrollIntoView({ block: 'nearest' });
      input.setAttribute('aria-activedescendant', list.children[at]?.id ?? '');
    };
    const draw = () => {
      at = 0;
      matches = match(labels, input.value, probs).slice(0, most);
      list.replaceChildren(
        ...matches.map((name, i) =>
          element(
            'li',
            { role: 'option', id: `match-${i}`, onclick: () => choose(name) },
            element('span', { dir: 'auto' }, name),
            element('small', {}, probs.has(name) ? percent(probs.get(name)) : ''),
          ),
        ),
      );
      if (!matches.length) list.append(element('li', { class: 'hint' }, 'No label has these letters.'));
      mark();
    };
    input.addEventListener('input', draw);
    input.addEventListener('keydown', (e) => {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[e.key];
      if (step) {
        at = Math.max(0, Math.min(matches.length - 1, at + step));
        mark();
      } else if (e.key === 'Enter' && !e.isComposing && matches.length) choose(matches[at]);
      else return;
      e.preventDefault();
    });
    const box = dialog('Find a label', input, list);
    box.addEventListener('close', () => resolve(found));
    draw();
    input.focus();
  });
}

// match gives the labels that a text may mean, the best first: those that begin with it, those with a word that does, those
// that hold it, those that hold its letters in order; among equals the likelier first.
export function match(labels, text, probs = new Map()) {
  const plain = (s) =>
    s
      .toLowerCase()
      .replace(/[\s_\-./]+/g, ' ')
      .trim();
  const wanted = plain(text);
  const rank = (name) => {
    const n = plain(name);
    if (n.startsWith(wanted)) return 0;
    if (n.includes(` ${wanted}`)) return 1;
    if (n.includes(wanted)) return 2;
    let i = 0;
    for (const c of n) if (c === wanted[i]) i++;
    return i >= wanted.length ? 3 : 4;
  };
  return labels
    .map((name, i) => ({ name, rank: rank(name), prob: probs.get(name) ?? 0, i }))
    .filter((m) => m.rank < 4)
    .sort((a, b) => a.rank - b.rank || b.prob - a.prob || a.i - b.i)
    .map((m) => m.name);
}
