import { element, percent } from './element.js';
import { cap, keyboard } from './keys.js';

const many = 12; // labels from which on they stand in columns

// Choices are the labels that an entry can have, each with its key and how likely the model thinks it.
// choose(name) is called with what a person picks.
export class Choices {
  #labels = [];
  #pairs = [];
  #chips = new Map(); // by label
  #recent = []; // labels that were chosen last, for entries without a suggestion
  #choose;

  constructor(choose, find) {
    this.#choose = choose;
    this.element = element('div', { class: 'choices', role: 'group', 'aria-label': 'Labels' });
    this.more = element('button', { type: 'button', class: 'chip more', onclick: find, 'aria-keyshortcuts': '/' });
  }

  // use takes the names of a label set.
  use(labels) {
    this.#labels = labels;
    this.more.replaceChildren(element('kbd', {}, '/'), element('span', {}, `all ${labels.length} labels`));
    this.#pairs = [];
  }

  // draw shows the labels of an entry; chosen are those it would get.
  draw(entry, chosen) {
    const scores = entry.suggestion?.scores ?? [];
    const said = entry.annotations.flatMap((a) => a.labels);
    const likely = [...new Set([...scores.map((s) => s.label), ...said, ...this.#recent, ...this.#labels])];
    const pairs = keyboard(this.#labels, likely);
    if (pairs.length !== this.#pairs.length || pairs.some(([, name], i) => name !== this.#pairs[i][1]))
      this.#build(pairs);
    const probs = new Map(scores.map((s) => [s.label, s.prob]));
    for (const [name, { chip, share }] of this.#chips) {
      const prob = probs.get(name);
      share.textContent = prob >= 0.01 ? percent(prob) : '';
      chip.style.setProperty('--share', prob ?? 0);
      chip.classList.toggle('suggested', Boolean(entry.suggestion?.labels.includes(name)));
    }
    this.mark(chosen);
  }

  // mark shows which labels are chosen; null where one press decides and none is.
  mark(chosen) {
    for (const [name, { chip }] of this.#chips) {
      if (chosen) chip.setAttribute('aria-pressed', chosen.has(name));
      else chip.removeAttribute('aria-pressed');
    }
  }

  // label gives the label of a key, undefined where it has none.
  label(key) {
    return this.#pairs.find(([k]) => k === key)?.[1];
  }

  // key gives the key of a label, undefined where it has none.
  key(label) {
    return this.#pairs.find(([, name]) => name === label)?.[0];
  }

  // remember notes labels that were given.
  remember(labels) {
    this.#recent = [...new Set([...labels, ...this.#recent])].slice(0, 10);
  }

  #build(pairs) {
    this.#pairs = pairs;
    this.#chips = new Map(
      pairs.map(([key, name]) => {
        const share = element('small');
        const chip = element(
          'button',
          { type: 'button', class: 'chip', title: name, 'aria-keyshortcuts': key, onclick: () => this.#choose(name) },
          element('kbd', {}, cap(key)),
          element('span', { dir: 'auto' }, name),
          share,
        );
        return [name, { chip, share }];
      }),
    );
    this.element.classList.toggle('many', pairs.length > many);
    const all = this.#labels.length > pairs.length ? [this.more] : [];
    this.element.replaceChildren(...[...this.#chips.values()].map((c) => c.chip), ...all);
  }
}
