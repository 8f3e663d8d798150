import { element, thousands } from './element.js';

const shown = 6000; // code points of a text that are shown at once

// text is the view of a text, or of a pair of them.
export const text = {
  // draw gives the element that shows the entry.
  draw(entry) {
    return element(
      'div',
      { class: 'text' },
      [entry.text, entry.pair].filter(Boolean).map((t) => passage(t)),
    );
  },

  // prepare loads what takes time; soon: the entry is the next one.
  prepare() {},

  // speak gives what a screen reader says of the entry.
  speak: (entry) => [entry.text, entry.pair].filter(Boolean).join(' — ').slice(0, 400),

  // thumb gives a small element for lists.
  thumb: (entry) =>
    element(
      'span',
      { class: 'excerpt', dir: 'auto' },
      [entry.text, entry.pair].filter(Boolean).join(' — ').slice(0, 300),
    ),
};

function passage(whole) {
  const p = element('p', { dir: 'auto' });
  const points = whole.length > shown ? [...whole] : [];
  if (points.length <= shown) {
    p.textContent = whole;
    return p;
  }
  const more = element(
    'button',
    {
      type: 'button',
      onclick: () => {
        p.textContent = whole;
      },
    },
    `Show the other ${thousands(points.length - shown)} characters`,
  );
  p.append(points.slice(0, shown).join(''), '… ', more);
  return p;
}
