import { get, post } from './api.js';

const ahead = 20; // entries that are held ready
const renewal = 4 * 60 * 1000; // milliseconds; a lease ends after ten minutes

// Feed gives one entry after another from the queue, and holds the next ones ready. Entries that a person asked for
// (by number, or by undo) come first. Event: "change" when there is another current entry, or more to come.
export class Feed extends EventTarget {
  #entries = [];
  #own = new Set(); // entries that were put in front, which no lease knows of
  #decided; // places in the queue whose decision the server may not know yet when it leases
  #journal;
  #asking = false;

  constructor(journal) {
    super();
    this.#journal = journal;
    this.#decided = new Set(journal.pending);
    this.empty = false; // the queue has nothing for this person
    setInterval(() => document.hidden || this.refill(), renewal);
  }

  get current() {
    return this.#entries[0];
  }

  get entries() {
    return this.#entries;
  }

  // next goes on after the current entry was decided on.
  next() {
    const entry = this.#entries.shift();
    this.#own.delete(entry);
    this.#decided.add(entry.item);
    this.#tell();
    if (this.#entries.length <= ahead / 2) this.refill();
  }

  // put makes an entry the current one.
  put(entry) {
    this.#decided.delete(entry.item);
    this.#entries = [entry, ...this.#entries.filter((e) => e.item !== entry.item)];
    this.#own.add(entry);
    this.#tell();
  }

  // decided takes entries out that were decided on elsewhere on the page.
  decided(items) {
    for (const item of items) this.#decided.add(item);
    this.#entries = this.#entries.filter((e) => !items.includes(e.item));
    this.#tell();
  }

  // fetch makes an item the current entry by its number.
  async fetch(number) {
    this.put(await get(`/api/items/${number}`));
  }

  // refill leases. What the server gives is what this person has now, in order: others may have what is missing from it.
  async refill() {
    if (this.#asking) return;
    this.#asking = true;
    const before = new Set(this.#decided);
    let wait = 0;
    try {
      const { entries } = await post('/api/lease', { n: ahead + this.#journal.pending.length });
      const kept = this.#entries.filter((e, i) => i === 0 || this.#own.has(e));
      const fresh = entries.filter((e) => !this.#decided.has(e.item) && !kept.some((k) => k.item === e.item));
      this.#entries = [...kept, ...fresh];
      this.empty = this.#entries.length === 0;
      const unknown = new Set(this.#journal.pending);
      for (const item of before) if (!unknown.has(item) && !entries.some((e) => e.item === item)) this.#decided.delete(item);
      if (this.empty) wait = 5000;
    } catch (error) {
      wait = 2000;
    }
    this.#asking = false;
    this.#tell();
    if (wait) setTimeout(() => this.#entries.length > ahead / 2 || this.refill(), wait);
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}
