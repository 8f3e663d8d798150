const ahead = 20; // entries that are held ready
const renewal = 4 * 60 * 1000; // milliseconds; a lease ends after ten minutes

// Feed gives one entry after another from a source, and holds the next ones ready. Entries that a person asked for, by
// number or by undo, come first. Source is a function that gives a promise of the n entries that this person has next, in
// order; what it gave before and does not give now, others have. Event: "change" when the entries did.
export class Feed extends EventTarget {
  #source;
  #journal;
  #own = new Set(); // entries that were put in front, which the source does not know of
  #decided = new Set(); // places of entries that were decided on: the source may give them until it knows
  #asking = false;

  constructor(source, journal) {
    super();
    this.#source = source;
    this.#journal = journal;
    this.entries = []; // the first is the current one
    this.empty = false; // the source has nothing for this person
    setInterval(() => document.hidden || this.refill(), renewal);
  }

  get current() {
    return this.entries[0];
  }

  // next goes on after the current entry was decided on.
  next() {
    const entry = this.entries.shift();
    this.#own.delete(entry);
    this.#decided.add(place(entry));
    this.#tell();
    if (this.entries.length <= ahead / 2) this.refill();
  }

  // put makes an entry the current one.
  put(entry) {
    this.#decided.delete(place(entry));
    this.entries = [entry, ...this.entries.filter((e) => e.item !== entry.item)];
    this.#own.add(entry);
    this.#tell();
  }

  // drop takes entries out whose items were decided on elsewhere.
  drop(items) {
    this.entries = this.entries.filter((e) => !items.includes(e.item));
    this.#tell();
    if (this.entries.length <= ahead / 2) this.refill();
  }

  async refill() {
    if (this.#asking) return;
    this.#asking = true;
    const unknown = this.#journal.pending;
    let wait = 0;
    try {
      const given = await this.#source(ahead + unknown.length);
      unknown.push(...this.#journal.pending);
      const kept = this.entries.filter((e, i) => i === 0 || this.#own.has(e));
      const open = (e) =>
        !this.#decided.has(place(e)) && !unknown.includes(e.item) && !kept.some((k) => k.item === e.item);
      this.entries = [...kept, ...given.filter(open)];
      this.empty = this.entries.length === 0;
      if (this.empty) wait = 5000;
    } catch {
      wait = 2000;
    }
    this.#asking = false;
    this.#tell();
    if (wait) setTimeout(() => this.entries.length > ahead / 2 || this.refill(), wait);
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}

// An item may come up again in another round.
const place = (entry) => `${entry.round}/${entry.item}`;
