import { Choices } from './choices.js';
import { labelled, passed, words } from './decision.js';
import { ask } from './dialog.js';
import { element, percent } from './element.js';
import { explained } from './explain.js';
import { find } from './find.js';
import { viewOf } from './item.js';
import { cap, command, commands } from './keys.js';
import { opinions } from './opinions.js';

const preview = 20; // entries whose pictures are loaded before they are current

// Review shows one entry of a feed at a time and takes the decision on it. In an adjudicating one everybody's answers stand
// beside the entry, and the suggestion is what most of them say.
export class Review {
  #app;
  #feed;
  #adjudicating;
  #choices;
  #entry; // that is drawn
  #chosen; // labels that a commit would give, where an item may have several
  #note = '';
  #asked; // ends the wait for an explanation
  #clock = new Clock();

  constructor(app, feed, { adjudicating = false } = {}) {
    this.#app = app;
    this.#feed = feed;
    this.#adjudicating = adjudicating;
    this.#choices = new Choices(
      (name) => this.#pick(name),
      () => this.#find(),
    );
    this.facts = element('p', { class: 'facts' });
    this.body = element('div', { class: 'body' });
    this.item = element('article', { class: 'item', tabindex: '-1', 'aria-label': 'Item' }, this.facts, this.body);
    this.suggestion = element('div', { class: 'suggestion' });
    this.dock = element(
      'section',
      { class: 'dock', 'aria-label': 'Decision' },
      this.suggestion,
      this.#choices.element,
      this.#buttons(),
    );
    this.element = element('div', { class: 'review' }, this.item, this.dock);
    this.element.addEventListener(
      'click',
      (e) => e.detail > 0 && e.target.closest('button') && this.item.focus({ preventScroll: true }),
    );
    feed.addEventListener('change', () => this.#app.shows(this) && this.draw());
  }

  // enter is called when the view is shown.
  enter() {
    this.#choices.use(this.#app.labels);
    this.#entry = null;
    this.#feed.refill();
    this.draw();
    this.item.focus({ preventScroll: true });
  }

  // press takes a key and tells whether it meant something here.
  press(key) {
    const label = this.#entry && this.#choices.label(key);
    if (label !== undefined) this.#pick(label);
    else return this.do(command(key));
    return true;
  }

  do(name) {
    const entry = this.#entry;
    const act = {
      accept: () => this.#accept(),
      reject: () =>
        entry.suggestion ? this.#decide(passed(entry, 'rejected')) : this.#app.say('There is no suggestion to reject.'),
      skip: () => this.#decide(passed(entry, 'skipped')),
      flag: () => this.#decide(passed(entry, 'flagged')),
      find: () => this.#find(),
      note: () => this.#write(),
      explain: () => this.#explain(),
      similar: () => this.#app.go(`items?similar=${entry.item}`),
      larger: () => this.body.querySelector('.pane')?.zoom(1.5),
      smaller: () => this.body.querySelector('.pane')?.zoom(1 / 1.5),
    }[name];
    if (!act) return false;
    if (entry) act();
    return true;
  }

  // takeBack shows entries again whose decisions were undone.
  takeBack(entries) {
    for (const entry of [...entries].reverse()) this.#feed.put(entry);
  }

  draw() {
    const entry = this.#feed.current;
    this.#feed.entries.slice(1, preview).forEach((next, i) => viewOf(next).prepare(next, i < 2));
    if (entry && entry === this.#entry) return;
    this.#asked?.abort();
    this.#entry = entry;
    this.dock.hidden = !entry;
    this.item.classList.toggle('empty', !entry);
    if (!entry) return this.#drawEmpty();
    this.#chosen = this.#app.project.multi_label ? new Set(entry.suggestion?.labels) : null;
    this.#note = '';
    this.facts.replaceChildren(...facts(entry));
    this.body.replaceChildren(viewOf(entry).draw(entry));
    this.#drawSuggestion(entry);
    this.#choices.draw(entry, this.#chosen);
    if (this.#adjudicating) this.body.append(this.#drawOpinions(entry));
    this.item.scrollTop = 0;
    this.#clock.start();
    this.#app.announce(
      `${viewOf(entry).speak(entry)}. ${entry.suggestion ? `Suggestion: ${entry.suggestion.labels.join(', ') || 'no label'}.` : ''}`,
    );
  }

  #drawOpinions(entry) {
    const key = (labels) => (labels.length === 1 && !this.#chosen ? this.#choices.key(labels[0]) : undefined);
    return opinions(entry, (labels) => this.#decide(labelled(entry, labels)), key);
  }

  #drawEmpty() {
    this.facts.replaceChildren();
    const [title, text] =
      this.#app.outbox.trouble || !this.#feed.empty
        ? ['Waiting for the server', 'More items come as soon as it answers.']
        : this.#adjudicating
          ? ['No disagreements', 'Wherever several people answered, they agree or somebody had the last word.']
          : [
              'Nothing waits for you',
              'Fill the queue with labelloop select, or look through the items. New entries appear here by themselves.',
            ];
    this.body.replaceChildren(element('h2', {}, title), element('p', {}, text));
  }

  #drawSuggestion(entry) {
    const { suggestion } = entry;
    if (!suggestion) {
      this.suggestion.replaceChildren(
        element(
          'p',
          { class: 'hint' },
          entry.blind
            ? 'Shown without a suggestion, to see how much people follow it.'
            : this.#adjudicating
              ? 'No answer has a majority.'
              : 'No suggestion.',
        ),
      );
      return;
    }
    const several = this.#app.project.multi_label;
    const name = several
      ? element('span', { class: 'verb' }, 'Commit the labels chosen')
      : element('span', { dir: 'auto' }, suggestion.labels[0]);
    const accept = element(
      'button',
      { type: 'button', class: 'primary accept', 'aria-keyshortcuts': 'Enter', onclick: () => this.#accept() },
      element('kbd', {}, '⏎'),
      name,
    );
    const certainty = element('span', { class: 'confidence' }, suggestion.votes ?? percent(suggestion.confidence));
    certainty.style.setProperty('--share', suggestion.confidence);
    const kind = suggestion.votes
      ? 'said so'
      : suggestion.calibrated
        ? 'calibrated confidence'
        : 'confidence, not calibrated';
    this.suggestion.replaceChildren(accept, certainty, element('span', { class: 'hint' }, kind));
  }

  #accept() {
    if (this.#chosen) return this.#decide(labelled(this.#entry, [...this.#chosen]));
    if (!this.#entry.suggestion) return this.#app.say('There is no suggestion to accept: choose a label.');
    return this.#decide(labelled(this.#entry, this.#entry.suggestion.labels));
  }

  #pick(name) {
    if (!this.#chosen) return this.#decide(labelled(this.#entry, [name]));
    if (!this.#chosen.delete(name)) this.#chosen.add(name);
    this.#choices.mark(this.#chosen);
    this.#app.announce(`${name} ${this.#chosen.has(name) ? 'on' : 'off'}`);
  }

  #decide(decision) {
    if (this.#adjudicating) decision.suggestion = null; // the suggestion was people's, not a model's
    this.#choices.remember(decision.labels);
    this.#app.decide([{ ...decision, note: this.#note, took_ms: this.#clock.elapsed() }]);
    this.#app.say(`${this.#entry.id}: ${words(decision)}`);
    this.#entry.said = words(decision);
    this.#feed.next();
  }

  async #find() {
    const entry = this.#entry;
    const name = await find(this.#app.labels, entry.suggestion?.scores);
    if (name !== null && entry === this.#entry) this.#pick(name);
  }

  async #write() {
    const entry = this.#entry;
    const note = await ask('Note', 'It goes with your decision on this item.', this.#note, { maxLength: 2000 });
    if (note === null || entry !== this.#entry) return;
    this.#note = note;
    this.facts.replaceChildren(...facts(entry), ...(note ? [element('span', { class: 'own' }, `Note: ${note}`)] : []));
  }

  async #explain() {
    const entry = this.#entry;
    const plain = this.body.firstChild;
    if (plain.classList.contains('explained')) return plain.replaceWith(viewOf(entry).draw(entry));
    this.#asked?.abort();
    this.#asked = new AbortController();
    this.#app.say('Asking the model…');
    try {
      const { shown, summary } = await explained(entry, this.#asked.signal);
      if (entry !== this.#entry) return;
      plain.replaceWith(shown);
      this.#app.say('');
      this.#app.announce(summary);
    } catch (error) {
      if (entry === this.#entry) this.#app.say(error.message, true);
    }
  }

  #buttons() {
    const buttons = commands
      .filter((c) => ['reject', 'skip', 'flag', 'undo', 'note', 'explain', 'similar'].includes(c.name))
      .map((c) =>
        element(
          'button',
          {
            type: 'button',
            class: 'quiet',
            title: c.does,
            'aria-keyshortcuts': c.key,
            onclick: () => this.#app.run(c.name),
          },
          element('kbd', {}, cap(c.key)),
          c.name,
        ),
      );
    return element('div', { class: 'commands' }, buttons);
  }
}

// facts tell where an entry comes from, and why it is here.
function facts(entry) {
  const meta = Object.entries(entry.meta ?? {}).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const mine = entry.said ?? entry.labels?.join(', ');
  return [
    element('span', {}, `#${entry.item}`),
    element('span', {}, entry.id),
    entry.reason ? element('span', { class: 'reason' }, entry.reason) : '',
    mine ? element('span', { class: 'own' }, `${entry.said ? 'you said' : 'labelled'}: ${mine}`) : '',
    ...meta.map((m) => element('span', {}, m)),
  ].filter(Boolean);
}

// Clock tells how long an entry has been looked at, in milliseconds; the time in which the page is hidden does not count.
class Clock {
  #since = 0;
  #sum = 0;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#sum += performance.now() - this.#since;
      this.#since = performance.now();
    });
  }

  start() {
    this.#sum = 0;
    this.#since = performance.now();
  }

  elapsed() {
    return Math.round(Math.min(this.#sum + performance.now() - this.#since, 24 * 60 * 60 * 1000));
  }
}
