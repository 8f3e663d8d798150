import { get } from './api.js';
import { labelled, passed, words } from './decision.js';
import { element, percent, plural } from './element.js';
import { find } from './find.js';
import { viewOf } from './item.js';
import { command, keyboard } from './keys.js';

const page = 60; // items that are asked for at once

const states = ['', 'unlabelled', 'labelled', 'stale', 'rejected', 'skipped', 'flagged'];
const reasons = ['', 'uncertain', 'control', 'relabel', 'audit', 'cold'];
const orders = {
  number: 'number',
  queue: 'queue',
  confidence: 'least sure',
  versions: 'models differ',
  people: 'people differ',
  random: 'random',
};
const differences = { true: 'differ' };

// Items lists items that a search finds, or that are similar to one, and takes decisions on many at once.
export class Items {
  #app;
  #parameters = new URLSearchParams();
  #rows = []; // {entry, row}
  #next = null; // where the list goes on
  #at = 0; // the row in focus
  #anchor = 0; // where a selection with shift began
  #selected = new Set(); // of rows
  #asked = 0; // number of the last request: answers to older ones come too late

  constructor(app) {
    this.#app = app;
    this.form = element('form', {
      class: 'filters',
      role: 'search',
      onsubmit: (e) => e.preventDefault(),
      onchange: () => this.#search(),
    });
    this.list = element('div', {
      role: 'listbox',
      'aria-label': 'Items',
      'aria-multiselectable': 'true',
    });
    this.rest = element('div', { class: 'rest' }); // what stands after the rows
    this.pane = element('div', { class: 'list' }, this.list, this.rest);
    this.count = element('p', { class: 'hint', role: 'status' });
    this.more = element('button', { type: 'button', class: 'quiet', onclick: () => this.#load() }, 'More');
    const buttons = [
      ['⏎', 'accept', 'Accept'],
      ['/', 'find', 'Relabel'],
      ['x', 'reject', 'Reject'],
      ['f', 'flag', 'Flag'],
      ['z', 'undo', 'Undo'],
      ['g', 'go', 'Open'],
      [';', 'similar', 'Similar'],
    ].map(([key, name, text]) =>
      element(
        'button',
        { type: 'button', class: 'quiet', 'aria-keyshortcuts': key, onclick: () => app.run(name) },
        element('kbd', {}, key),
        text,
      ),
    );
    this.element = element(
      'div',
      { class: 'items' },
      this.form,
      this.pane,
      element(
        'section',
        { class: 'dock', 'aria-label': 'Decision' },
        this.count,
        element('div', { class: 'commands' }, buttons),
      ),
    );
    this.list.addEventListener('click', (e) => this.#click(e));
    this.list.addEventListener('dblclick', () => this.do('go'));
  }

  enter(parameters) {
    this.#parameters = parameters;
    this.#drawForm();
    this.#restart();
  }

  press(key, event) {
    const columns = this.#columns();
    const step = {
      ArrowDown: columns,
      ArrowUp: -columns,
      ArrowRight: 1,
      ArrowLeft: -1,
      PageDown: 5 * columns,
      PageUp: -5 * columns,
    }[key];
    if (step && this.#rows.length) this.#move(step, event.shiftKey);
    else if (key === ' ') this.#toggle(this.#at);
    else if (key === '*') this.#selectAll();
    else if (key === 'Escape') this.#select([]);
    else {
      const label = keyboard(this.#app.labels, this.#likely()).find(([k]) => k === key)?.[1];
      if (label === undefined) return this.do(command(key));
      this.#relabel(label);
    }
    return true;
  }

  do(name) {
    const at = this.#rows[this.#at]?.entry;
    const act = {
      accept: () => this.#accept(),
      reject: () =>
        this.#decide(
          this.#targets()
            .filter((r) => r.entry.suggestion)
            .map((r) => passed(r.entry, 'rejected')),
        ),
      skip: () => this.#decide(this.#targets().map((r) => passed(r.entry, 'skipped'))),
      flag: () => this.#decide(this.#targets().map((r) => passed(r.entry, 'flagged'))),
      find: () => this.#find(),
      go: () => this.#app.open(at.item),
      similar: () => this.#app.go(`items?similar=${at.item}`),
    }[name];
    if (!act || !at) return false;
    act();
    return true;
  }

  // takeBack shows how entries stood before what was undone; items are all that was.
  takeBack(entries, items = []) {
    if (items.length > entries.length) return this.#restart();
    for (const entry of entries) {
      const row = this.#rows.find((r) => r.entry.item === entry.item);
      if (!row) continue;
      delete entry.said;
      row.entry = entry;
      this.#draw(row);
    }
  }

  #drawForm() {
    const similar = this.#parameters.get('similar');
    if (similar) {
      this.form.replaceChildren(
        element('p', {}, `Items similar to #${similar}`),
        element('button', { type: 'button', class: 'quiet', onclick: () => this.#app.go('items') }, 'All items'),
      );
      return;
    }
    const value = (name) => this.#parameters.get(name) ?? '';
    const choose = (name, title, values, any, titles = {}) =>
      element(
        'label',
        {},
        title,
        element(
          'select',
          { name },
          values.map((v) => element('option', { value: v, selected: v === value(name) }, (titles[v] ?? v) || any)),
        ),
      );
    const type = (name, title, properties) =>
      element('label', {}, title, element('input', { name, value: value(name), autocomplete: 'off', ...properties }));
    const share = { type: 'number', min: 0, max: 1, step: 0.01 };
    const labels = ['', ...this.#app.labels];
    this.form.replaceChildren(
      type('q', 'Text', { type: 'search', placeholder: 'words, or their beginnings' }),
      choose('state', 'State', states, 'any'),
      choose('label', 'Label', labels, 'any'),
      choose('predicted', 'Predicted', labels, 'any'),
      type('min', 'Confidence', share),
      type('max', 'to', share),
      choose('reason', 'Queued as', reasons, 'any'),
      type('annotator', 'Annotator', { type: 'text' }),
      choose('changed', 'Models', ['', ...Object.keys(differences)], 'any', differences),
      choose('sort', 'Order', Object.keys(orders), '', orders),
    );
  }

  #search() {
    const given = [...new FormData(this.form)].filter(
      ([name, value]) => value && value !== (name === 'sort' ? 'number' : ''),
    );
    this.#parameters = new URLSearchParams(given);
    history.replaceState(null, '', given.length ? `#items?${this.#parameters}` : '#items');
    this.#restart();
  }

  #restart() {
    this.#rows = [];
    this.#next = null;
    this.#at = this.#anchor = 0;
    this.#selected.clear();
    this.#load();
  }

  async #load() {
    const asked = ++this.#asked;
    const similar = this.#parameters.get('similar');
    try {
      const found = similar
        ? await get(`/api/similar/${similar}`, { n: page })
        : await get('/api/items', { ...Object.fromEntries(this.#parameters), n: page, after: this.#next });
      if (asked !== this.#asked) return;
      this.#next = found.next ?? null;
      const fresh = found.items.map((entry) => this.#row(entry));
      if (!this.#rows.length) this.pane.scrollTop = 0;
      this.#rows.push(...fresh);
      this.list.replaceChildren(...this.#rows.map((r) => r.row));
      this.list.classList.toggle('thumbs', Boolean(this.#rows[0]?.entry.image));
      this.list.hidden = !this.#rows.length;
      this.rest.replaceChildren(
        ...(this.#next ? [this.more] : []),
        ...(this.#rows.length ? [] : [element('p', { class: 'hint' }, 'No item is like that.')]),
      );
      this.#focus(this.#at, !this.form.contains(document.activeElement));
    } catch (error) {
      if (asked === this.#asked) this.#app.say(error.message, true);
    }
    this.#tell();
  }

  #row(entry) {
    const r = {
      entry,
      row: element('div', { class: 'row', role: 'option', tabindex: '-1', 'aria-selected': 'false' }),
    };
    this.#draw(r);
    return r;
  }

  #draw({ entry, row }) {
    const { suggestion, said, state, labels } = entry;
    const own = said ?? (labels?.length ? labels.join(', ') : state);
    row.replaceChildren(
      viewOf(entry).thumb(entry),
      element(
        'span',
        { class: 'verdict' },
        own ? element('span', { class: said ? 'label now' : 'label', dir: 'auto' }, own) : null,
        suggestion && suggestion.labels.join() !== labels?.join()
          ? element('span', { class: 'guess', dir: 'auto' }, suggestion.labels.join(', ') || 'no label')
          : null,
        suggestion ? element('small', {}, percent(suggestion.confidence)) : null,
        element('small', { class: 'place' }, `#${entry.item}`),
      ),
    );
  }

  // targets are the rows that a command is for: those that are selected, or else the one in focus.
  #targets() {
    const chosen = this.#rows.filter((r) => this.#selected.has(r));
    return chosen.length ? chosen : this.#rows.slice(this.#at, this.#at + 1);
  }

  #likely() {
    return [
      ...new Set([...(this.#rows[this.#at]?.entry.suggestion?.scores ?? []).map((s) => s.label), ...this.#app.labels]),
    ];
  }

  #accept() {
    const rows = this.#targets();
    const judged = rows.filter((r) => r.entry.suggestion);
    this.#decide(judged.map((r) => labelled(r.entry, r.entry.suggestion.labels)));
    if (judged.length < rows.length)
      this.#app.say(`${plural(rows.length - judged.length, 'item has', 'items have')} no suggestion to accept.`);
  }

  #relabel(name) {
    this.#decide(this.#targets().map((r) => labelled(r.entry, [name])));
  }

  async #find() {
    const name = await find(this.#app.labels, this.#rows[this.#at].entry.suggestion?.scores);
    if (name !== null) this.#relabel(name);
  }

  #decide(decisions) {
    if (!decisions.length) return;
    this.#app.decide(decisions);
    for (const d of decisions) d.entry.said = words(d);
    const rows = this.#targets();
    rows.forEach((r) => this.#draw(r));
    this.#app.say(
      decisions.length > 1
        ? `${decisions.length} items: ${new Set(decisions.map(words)).size > 1 ? 'accepted' : words(decisions[0])}`
        : `${decisions[0].entry.id}: ${words(decisions[0])}`,
    );
    const last = this.#rows.indexOf(rows.at(-1));
    this.#select([]);
    this.#focus(Math.min(last + 1, this.#rows.length - 1), true);
  }

  // columns is how many thumbnails stand in a line.
  #columns() {
    const top = this.#rows[0]?.row.offsetTop;
    const n = this.#rows.findIndex((r) => r.row.offsetTop !== top);
    return n < 0 ? Math.max(1, this.#rows.length) : n;
  }

  #move(step, selecting) {
    const to = Math.max(0, Math.min(this.#rows.length - 1, this.#at + step));
    if (selecting) this.#select(this.#rows.slice(Math.min(this.#anchor, to), Math.max(this.#anchor, to) + 1));
    else this.#anchor = to;
    this.#focus(to, true);
    if (this.#next && to > this.#rows.length - 10) this.#load();
  }

  #focus(i, move) {
    this.#rows[this.#at]?.row.setAttribute('tabindex', '-1');
    this.#at = i;
    const row = this.#rows[i]?.row;
    row?.setAttribute('tabindex', '0');
    if (move) row?.focus();
  }

  #toggle(i) {
    const r = this.#rows[i];
    if (!r) return;
    if (!this.#selected.delete(r)) this.#selected.add(r);
    this.#anchor = i;
    this.#select([...this.#selected]);
  }

  #selectAll() {
    this.#select(this.#selected.size === this.#rows.length ? [] : this.#rows);
  }

  #select(rows) {
    this.#selected = new Set(rows);
    for (const r of this.#rows) r.row.setAttribute('aria-selected', this.#selected.has(r));
    this.#tell();
  }

  #click(e) {
    const i = this.#rows.findIndex((r) => r.row.contains(e.target));
    if (i < 0) return;
    if (e.shiftKey) this.#select(this.#rows.slice(Math.min(this.#anchor, i), Math.max(this.#anchor, i) + 1));
    else if (e.ctrlKey || e.metaKey) this.#toggle(i);
    else this.#anchor = i;
    this.#focus(i, true);
  }

  #tell() {
    const n = this.#selected.size;
    this.count.textContent = n
      ? `${n} of ${this.#rows.length} selected`
      : `${plural(this.#rows.length, 'item')}${this.#next ? ' so far' : ''}`;
  }
}
