import { curve } from './curve.js';
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
      course(status.course) ?? '',
      agreement(status.agreement) ?? '',
      following(status.following) ?? '',
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

// course tells how the models get better with the labels, and whether more of these would change much.
function course(found) {
  if (!found?.points.length) return null;
  const stops = (found.stopping ?? []).map((s) => {
    const says = s.says.startsWith('needs') ? 'not yet' : s.stop ? 'stop' : 'go on';
    return element('tr', {}, element('th', { scope: 'row', title: s.says }, s.criterion), element('td', {}, says));
  });
  return section(
    'Learning curve',
    curve(found.points),
    found.sentence ? element('p', {}, found.sentence) : '',
    stops.length
      ? element(
          'table',
          { class: 'shares' },
          element('caption', { class: 'unseen' }, 'Stopping criteria'),
          element('tbody', {}, stops),
        )
      : '',
  );
}

function agreement(found) {
  if (found?.alpha == null) return null;
  return section(
    'Agreement',
    element('p', { class: 'figure' }, element('b', {}, found.alpha.toFixed(2)), ' Krippendorff’s α'),
    line(`on ${plural(found.items, 'item')} that several people answered`),
    shares(
      ['', 'labels', 'consensus'],
      found.annotators.map((a) => [a.name, thousands(a.labels), `${tenths(a.consensus)} %`]),
    ),
  );
}

// following tells how much people follow suggestions.
function following(found) {
  if (!found) return null;
  const rows = found.annotators.filter((a) => a.difference).map((a) => [a.name, signed(a.difference.estimate)]);
  return section('Following', element('p', {}, found.sentence), rows.length > 1 ? shares(['', 'points'], rows) : '');
}

const signed = (share) => `${share < 0 ? '−' : '+'}${tenths(Math.abs(share))}`;

// shares is a table with a person a row.
function shares(heads, rows) {
  return element(
    'table',
    { class: 'shares' },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        heads.map((h) => element('th', { scope: 'col' }, h)),
      ),
    ),
    element(
      'tbody',
      {},
      rows.map(([name, ...cells]) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row', dir: 'auto' }, name),
          cells.map((c) => element('td', {}, c)),
        ),
      ),
    ),
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
