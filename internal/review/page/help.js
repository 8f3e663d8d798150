import { dialog } from './dialog.js';
import { element } from './element.js';
import { cap, commands } from './keys.js';

const inLists = [
  ['↑ ↓ ← →', 'move; with shift, select on the way'],
  ['Space', 'select or not'],
  ['*', 'select all that are listed, or none'],
  ['⏎', 'accept the suggestions of all that are selected'],
  ['label', 'its key, or /, gives the label to all that are selected'],
];

// help shows the keys.
export function help() {
  const table = (rows) =>
    element(
      'table',
      {},
      element(
        'tbody',
        {},
        rows.map(([key, does]) =>
          element('tr', {}, element('th', { scope: 'row' }, element('kbd', {}, key)), element('td', {}, does)),
        ),
      ),
    );
  dialog(
    'Keys',
    element(
      'p',
      { class: 'hint' },
      'A label’s key stands on it. Where an item may have several labels, keys choose and ⏎ commits.',
    ),
    element(
      'div',
      { class: 'columns' },
      element('section', {}, element('h3', {}, 'Anywhere'), table(commands.map((c) => [cap(c.key), c.does]))),
      element('section', {}, element('h3', {}, 'In lists'), table(inLists)),
    ),
  );
}
