import { newKey } from './api.js';

// Journal is what this person did, newest last, as undo goes back through it. Each record is {key, entries, items, view}: one
// decision, or one on many items, that one undo takes back, and the view that it was made in. What was done before the page
// was loaded is the server's to know: undo goes on there.
//
// Events: "undone" {items}: the server took back something whose entries the page doesn't hold; "refused" {items, error}.
export class Journal extends EventTarget {
  #outbox;
  #records = [];

  constructor(outbox) {
    super();
    this.#outbox = outbox;
    this.#records = this.#waiting().map(({ body }) => ({ key: body.key, items: itemsOf(body) }));
    outbox.addEventListener('answer', ({ detail: { change, answer } }) => this.#answered(change, answer));
    outbox.addEventListener('refusal', ({ detail: { change, error } }) => this.#refused(change, error));
  }

  // pending gives the numbers of the items whose decisions the server may not know yet.
  get pending() {
    return this.#waiting().flatMap(({ body }) => itemsOf(body));
  }

  // waiting gives the decisions in the outbox that no undo behind them takes back.
  #waiting() {
    const undone = new Set(this.#outbox.changes.map((c) => c.of));
    return this.#outbox.changes.filter(({ path, body }) => path !== '/api/undo' && !undone.has(body.key));
  }

  // decide enters decisions, all to be taken back by one undo. Each is {entry, verdict, labels, note, took_ms, suggestion}.
  decide(decisions, revision, view) {
    const key = newKey();
    const annotations = decisions.map(({ entry, ...d }) => ({
      key: decisions.length === 1 ? key : newKey(),
      item: entry.item,
      note: '',
      took_ms: 0,
      model: entry.model ?? 0,
      round: entry.round ?? 0,
      revision,
      ...d,
    }));
    const entries = decisions.map((d) => d.entry);
    this.#records.push({ key, entries, items: entries.map((e) => e.item), view });
    if (annotations.length === 1) this.#outbox.add('/api/annotate', annotations[0]);
    else this.#outbox.add('/api/annotate-all', { key, annotations });
  }

  // undo takes the newest record back and gives it; null where the page holds none and the server was asked.
  undo() {
    const record = this.#records.pop();
    if (!record) {
      this.#outbox.add('/api/undo', { key: newKey() });
      return null;
    }
    if (!this.#outbox.take(record.key)) {
      this.#outbox.add('/api/undo', { key: newKey() }, record.key);
    }
    return record;
  }

  #answered({ path, body, of }, answer) {
    if (path === '/api/undo' && !of) this.#tell('undone', { items: answer.items });
    if (!answer.results) return;
    const refused = answer.results.flatMap((r, i) =>
      r.error ? [{ item: body.annotations[i].item, error: r.error }] : [],
    );
    if (refused.length)
      this.#forget(
        body.key,
        refused.map((r) => r.item),
        new Error(refused[0].error),
      );
  }

  #refused({ path, body, of }, error) {
    if (path !== '/api/undo') this.#forget(body.key, itemsOf(body), error);
    else if (!of && error.status === 404) this.#tell('undone', { items: [] });
    else this.#tell('refused', { items: [], error });
  }

  #forget(key, items, error) {
    const record = this.#records.find((r) => r.key === key);
    const entries = record?.entries?.filter((e) => items.includes(e.item));
    if (record) {
      record.items = record.items.filter((n) => !items.includes(n));
      record.entries = record.entries?.filter((e) => !items.includes(e.item));
      if (!record.items.length) this.#records = this.#records.filter((r) => r !== record);
    }
    this.#tell('refused', { items, entries, error });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const itemsOf = (body) => (body.annotations ?? [body]).map((a) => a.item);
