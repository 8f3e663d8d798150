import { post } from './api.js';
import { dialog } from './dialog.js';
import { element } from './element.js';

// What can be done to the label set: whether it is done to labels that are there (several: to many), what they become (among:
// to one of these), and what comes after.
const changes = {
  add: { title: 'Add labels', from: false, into: 'New labels, one a line', after: 'They come last.' },
  rename: {
    title: 'Rename a label',
    from: true,
    into: 'New name',
    after: 'What has the label keeps it, under its new name.',
  },
  merge: {
    title: 'Merge labels into one',
    from: true,
    several: true,
    among: 'Into',
    after: 'What has one of the labels has the one they become.',
  },
  split: {
    title: 'Split a label',
    from: true,
    into: 'New labels in its place, one a line',
    after: 'Its items need another look.',
  },
  delete: { title: 'Delete a label', from: true, after: 'Items that have no other label need another look.' },
};

// changeLabels lets a person change the label set and gives a promise of the new one, {revision, labels}; null where
// nothing changed.
export function changeLabels(labels) {
  return new Promise((resolve) => {
    let changed = null;
    const kind = element(
      'select',
      { onchange: () => draw(), autofocus: true },
      Object.entries(changes).map(([value, c]) => element('option', { value }, c.title)),
    );
    const fields = element('div', { class: 'fields' });
    const fault = element('p', { class: 'alarm', role: 'alert' });
    const hint = element('p', { class: 'hint' });
    const options = () => labels.map((name) => element('option', { value: name }, name));
    let from, into;
    const draw = () => {
      const c = changes[kind.value];
      from =
        c.from &&
        element(
          'select',
          { multiple: Boolean(c.several), size: c.several ? Math.min(8, labels.length) : 1, required: true },
          options(),
        );
      into = c.among
        ? element('select', { required: true }, options())
        : c.into &&
          (c.into.endsWith('a line')
            ? element('textarea', { rows: 4, required: true })
            : element('input', { type: 'text', required: true }));
      fields.replaceChildren(
        ...[
          from && element('label', {}, c.several ? 'Labels' : 'Label', from),
          into && element('label', {}, c.among ?? c.into, into),
        ].filter(Boolean),
      );
      hint.textContent = c.after;
      fault.textContent = '';
    };
    const submit = async (e) => {
      e.preventDefault();
      const becomes = into
        ? into.value
            .split('\n')
            .map((s) => s.trim())
            .filter(Boolean)
        : [];
      const names = from ? [...from.selectedOptions].map((o) => o.value) : becomes;
      try {
        changed = await post('/api/labels', {
          change: kind.value,
          names: changes[kind.value].among ? names.filter((n) => n !== becomes[0]) : names,
          into: from ? becomes : [],
        });
        box.close();
      } catch (error) {
        fault.textContent = error.message;
      }
    };
    const form = element(
      'form',
      { onsubmit: submit },
      element('label', {}, 'Change', kind),
      fields,
      hint,
      fault,
      element('button', { class: 'primary' }, 'Change the label set'),
    );
    const box = dialog('Label set', form);
    box.addEventListener('close', () => resolve(changed));
    draw();
  });
}
