// Outbox keeps what a person did until the server has it. It is written to the browser's storage before anything is
// painted, and sent in order, one at a time, as often as it takes: a key makes each change safe to send again. It outlives
// a reload, a broken connection and a restart of the server.
//
// A change is {path, body: {key, ...}, tried, of}: tried once it may have reached the server; of is the key of the change
// that an undo takes back.
//
// Events: "change" when its size or trouble did; "answer" {change, answer}; "refusal" {change, error}: the server will
// never take it.
export class Outbox extends EventTarget {
  #storage;
  #name;
  #post;
  #sending = false;
  #wait = 0;
  #timer;

  constructor(storage, name, post) {
    super();
    this.#storage = storage;
    this.#name = name;
    this.#post = post;
    this.changes = JSON.parse(storage.getItem(name) ?? '[]');
    this.trouble = null; // the error of the last attempt, null after a good one
    this.volatile = false; // the browser's storage takes no more
  }

  get size() {
    return this.changes.length;
  }

  add(path, body, of) {
    this.changes.push({ path, body, of, tried: false });
    this.#keep();
    this.#send();
  }

  // take takes back a change that was never sent, and tells whether it could.
  take(key) {
    const i = this.changes.findIndex((c) => c.body.key === key);
    if (i < 0 || this.changes[i].tried) return false;
    this.changes.splice(i, 1);
    this.#keep();
    return true;
  }

  // kick tries at once, for when there is reason to believe that the server is back.
  kick() {
    clearTimeout(this.#timer);
    this.#wait = 0;
    this.#send();
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    while (this.changes.length) {
      const change = this.changes[0];
      if (!change.tried) {
        change.tried = true;
        this.#keep();
      }
      try {
        const answer = await this.#post(change.path, change.body);
        this.trouble = null;
        this.#wait = 0;
        this.#settle(change, answer.results ? answer.results.filter((r) => !r.error).length : 1);
        this.#tell('answer', { change, answer });
      } catch (error) {
        if (!error.final) {
          this.trouble = error;
          break;
        }
        this.trouble = null;
        this.#settle(change, 0);
        this.#tell('refusal', { change, error });
      }
    }
    this.#sending = false;
    if (this.changes.length) {
      this.#wait = Math.min(10000, 2 * this.#wait || 500);
      this.#timer = setTimeout(() => this.#send(), this.#wait);
    }
    this.#tell('change');
  }

  // settle removes a change that has its answer. An undo of it that waits goes with it where nothing was taken: it would
  // reach further back than the person meant.
  #settle(change, taken) {
    this.changes = this.changes.filter((c) => c !== change && (c.of !== change.body.key || taken > 0));
    this.#keep();
  }

  #keep() {
    try {
      this.#storage.setItem(this.#name, JSON.stringify(this.changes));
      this.volatile = false;
    } catch {
      this.volatile = true;
    }
    this.#tell('change');
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
