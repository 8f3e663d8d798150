import { get, post } from './api.js';
import { ask } from './dialog.js';
import { element, plural } from './element.js';
import { Feed } from './feed.js';
import { help } from './help.js';
import { Items } from './items.js';
import { Journal } from './journal.js';
import { command, press } from './keys.js';
import { changeLabels } from './labelset.js';
import { adjudicated } from './opinions.js';
import { Outbox } from './outbox.js';
import { Panel } from './panel.js';
import { Review } from './review.js';

const $ = (id) => document.getElementById(id);

const ahead = 20; // of many decisions that the server took back, those that are shown again at once

// App is what the views share: the project, the person's decisions, and how to speak to the person.
class App {
  constructor(project) {
    this.project = project;
    this.outbox = new Outbox(localStorage, `labelloop/${project.created ?? ''}/${project.annotator}`, post);
    this.journal = new Journal(this.outbox);
    this.queue = new Feed(async (n) => (await post('/api/lease', { n })).entries, this.journal);
    const disputed = new Feed(
      async (n) => (await get('/api/items', { disputed: true, n })).items.map(adjudicated),
      this.journal,
    );
    this.views = {
      review: new Review(this, this.queue),
      items: new Items(this),
      disagreements: new Review(this, disputed, { adjudicating: true }),
    };
    this.panel = new Panel($('panel'));
  }

  get labels() {
    return this.project.labels.map((l) => l.name);
  }

  shows(view) {
    return this.view === view;
  }

  go(place) {
    location.hash = place;
  }

  // route shows the view that the address names.
  route() {
    const [name, query] = location.hash.slice(1).split('?');
    this.view = this.views[name] ?? this.views.review;
    for (const link of document.querySelectorAll('#views a')) {
      if (this.views[link.hash.slice(1)] === this.view) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    $('view').replaceChildren(this.view.element);
    this.view.enter(new URLSearchParams(query));
  }

  // decide enters decisions that one undo takes back.
  decide(decisions) {
    this.journal.decide(decisions, this.project.revision, this.view);
    if (this.view !== this.views.review) this.queue.drop(decisions.map((d) => d.entry.item));
  }

  // run does what a command asks for, in the view or anywhere.
  run(name) {
    const here = { undo: () => this.undo(), go: () => this.goTo(), help: () => help() }[name];
    if (this.view.do(name)) return true;
    here?.();
    return Boolean(here);
  }

  async undo() {
    const record = this.journal.undo();
    if (!record) return this.say('Taking back what you did before…');
    return this.takeBack(record.items, record.entries, record.view);
  }

  async takeBack(items, entries, view = this.view) {
    if (!items.length) return this.say('There is nothing left to take back.');
    try {
      view.takeBack(entries ?? (await Promise.all(items.slice(0, ahead).map((n) => get(`/api/items/${n}`)))), items);
      this.say(items.length > 1 ? `Taken back: ${items.length} decisions` : 'Taken back');
    } catch (error) {
      this.say(`Taken back, but item ${items[0]} can't be shown: ${error.message}`);
    }
  }

  async goTo() {
    const number = await ask('Go to an item', `Its number, 1 to ${this.project.items}`, '', {
      inputMode: 'numeric',
      pattern: '[0-9]+',
    });
    if (number) this.open(number);
  }

  // open shows an item in the review view.
  async open(number) {
    try {
      this.queue.put(await get(`/api/items/${number}`));
      this.go('review');
    } catch (error) {
      this.say(error.message);
    }
  }

  // refused tells of decisions that the server will never take. They are shown again, to be decided anew.
  refused({ items, entries, error }) {
    if (entries?.length) this.view.takeBack(entries);
    this.say(`Not saved${items.length ? `: ${plural(items.length, 'decision')}` : ''}. ${error.message}`, true);
  }

  async editLabels() {
    const changed = await changeLabels(this.labels);
    if (!changed) return;
    Object.assign(this.project, changed);
    this.route();
  }

  // learn takes a status. What others change of the label set, or put into the queue, is asked for when it shows there.
  async learn(status) {
    this.panel.draw(status);
    const known = status.labels && Object.keys(status.labels);
    if (known && (known.length !== this.labels.length || known.some((name) => !this.labels.includes(name)))) {
      Object.assign(this.project, await get('/api/project'));
      this.route();
    }
  }

  // say tells the person something, in a line that stays until the next one.
  say(text, alarm = false) {
    $('said').textContent = text;
    $('said').classList.toggle('alarm', alarm);
    if (alarm) this.announce(text);
  }

  // announce is for screen readers.
  announce(text) {
    $('live').textContent = text;
  }

  // tellOutbox says whether all is saved.
  tellOutbox() {
    const { size, trouble, volatile } = this.outbox;
    const waiting = `${plural(size, 'decision is', 'decisions are')} waiting for the server`;
    const note = $('outbox');
    note.classList.toggle('alarm', Boolean(size && (trouble || volatile)));
    const text =
      !size || !(trouble || volatile)
        ? 'Saved'
        : volatile
          ? `${waiting}. This browser can't keep them: leave the page open.`
          : trouble.status === 401
            ? `${waiting}: log in anew, by your link, in another tab.`
            : `${waiting}.`;
    if (note.textContent !== text) note.textContent = text; // a screen reader says it once
  }

  listen() {
    this.outbox.addEventListener('change', () => this.tellOutbox());
    this.journal.addEventListener('undone', (e) => this.takeBack(e.detail.items));
    this.journal.addEventListener('refused', (e) => this.refused(e.detail));
    const events = new EventSource('/api/events');
    events.addEventListener('open', () => {
      this.outbox.kick();
      this.queue.refill();
    });
    events.addEventListener('status', (e) => this.learn(JSON.parse(e.data)));
    document.addEventListener('keydown', (e) => {
      const key = press(e);
      if (key === undefined || (e.repeat && command(key) !== 'undo')) return;
      if (this.view.press(key, e) || this.run(command(key))) e.preventDefault();
    });
    addEventListener('hashchange', () => this.route());
    $('help').addEventListener('click', () => help());
    $('status').addEventListener('click', (e) =>
      e.target.setAttribute('aria-expanded', document.body.classList.toggle('status')),
    );
    $('labels').addEventListener('click', () => this.editLabels());
    this.tellOutbox();
    this.outbox.kick();
  }
}

// alone waits until no other tab of this browser works for the same person: two outboxes would mix what each undo means.
// Where the browser has no locks, on plain HTTP from another machine, it trusts the person.
async function alone(who) {
  if (!navigator.locks) return;
  const hold = (options) =>
    new Promise((resolve, reject) => {
      navigator.locks
        .request(`labelloop/${who}`, options, (lock) => {
          resolve(Boolean(lock));
          return lock && new Promise(() => {});
        })
        .catch((error) => (error.name === 'AbortError' ? location.reload() : reject(error)));
    });
  if (await hold({ ifAvailable: true })) return;
  const here = element('button', { type: 'button', class: 'primary' }, 'Work here instead');
  const notice = element(
    'div',
    { class: 'notice' },
    element('h1', {}, 'This page is open in another tab'),
    element('p', {}, 'Work in one of them.'),
    here,
  );
  $('view').replaceChildren(notice);
  await new Promise((resolve) => {
    here.addEventListener('click', () => resolve(hold({ steal: true })));
    hold({}).then(resolve, () => {});
  });
}

// start begins as soon as the server tells of the project.
async function start() {
  try {
    const project = await get('/api/project');
    await alone(project.annotator);
    const app = new App(project);
    $('who').textContent = project.annotator;
    app.listen();
    app.route();
  } catch (error) {
    if (!error.status && error.status !== 0) throw error;
    $('view').replaceChildren(
      element('div', { class: 'notice' }, element('h1', {}, 'Waiting for the server'), element('p', {}, error.message)),
    );
    setTimeout(start, 2000);
  }
}

start();
