import { element, plural, thousands } from './element.js';

const most = 10; // labels in the distribution

// Panel shows where the project stands.
export class Panel {
  #element;

  constructor(at) {
    this.#element = at;
  }

  // draw shows a status as GET /api/status gives it.
  draw(status) {
    const splits = Object.values(status.items ?? {});
    const all = sum(splits.map((s) => s.all));
    const labelled = sum(splits.map((s) => s.state.labelled ?? 0));
    const open = sum(Object.values(status.queue ?? {}));
    this.#element.replaceChildren(
      section(
        'Progress',
        meter(labelled, all, `${thousands(labelled)} of ${plural(all, 'item')} labelled`),
        line(`${thousands(open)} in the queue`),
      ),
      section(
        'You',
        element(
          'p',
          { class: 'figure' },
          element('b', {}, (status.rate_per_minute ?? 0).toFixed(1)),
          ' labels a minute',
        ),
        line(`${thousands(status.mine?.today ?? 0)} today, ${thousands(status.mine?.answers ?? 0)} in all`),
      ),
      model(status.acceptance) ?? '',
      agreement(status.agreement) ?? '',
      distribution(status.labels ?? {}) ?? '',
    );
  }
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const tenths = (share) => (100 * share).toFixed(1);
const line = (text) => element('p', { class: 'hint' }, text);
const section = (title, ...children) => element('section', {}, element('h2', {}, title), ...children);

function meter(part, whole, text) {
  const bar = element('div', { class: 'meter' });
  bar.style.setProperty('--share', whole ? part / whole : 0);
  return element('div', {}, element('p', {}, text), bar);
}

// model tells how good the model is on what was audited, and what may be accepted by it.
function model(acceptance) {
  if (!acceptance) return null;
  const { accuracy, audited, sentence } = acceptance;
  const known =
    audited > 0 && element('p', { class: 'figure' }, element('b', {}, `${tenths(accuracy.estimate)} %`), ' right');
  const interval =
    known && line(`95 % interval ${tenths(accuracy.low)} to ${tenths(accuracy.high)} %, ${plural(audited, 'audit')}`);
  return section(
    'Model',
    element('p', { class: 'hint name' }, acceptance.model),
    known || line('Not audited yet.'),
    interval || '',
    element('p', {}, sentence),
  );
}

function agreement(found) {
  if (found?.alpha == null) return null;
  return section(
    'Agreement',
    element('p', { class: 'figure' }, element('b', {}, found.alpha.toFixed(2)), ' Krippendorff’s α'),
    line(`on ${plural(found.items, 'item')} that several people answered`),
  );
}

function distribution(labels) {
  const given = Object.entries(labels)
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  if (!given.length) return null;
  const rows = given.slice(0, most).map(([name, n]) => {
    const row = element(
      'li',
      {},
      element('span', { dir: 'auto', title: name }, name),
      element('span', { class: 'number' }, thousands(n)),
    );
    row.style.setProperty('--share', n / given[0][1]);
    return row;
  });
  const rest = given.slice(most);
  if (rest.length)
    rows.push(
      element(
        'li',
        {},
        element('span', {}, `${rest.length} others`),
        element('span', { class: 'number' }, thousands(sum(rest.map(([, n]) => n)))),
      ),
    );
  return section('Labels', element('ul', { class: 'distribution' }, rows));
}
