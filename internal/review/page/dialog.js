import { element } from './element.js';

// dialog opens a modal dialog with a heading and what stands below it, and gives the element. It is gone when it is closed.
export function dialog(title, ...children) {
  const close = element(
    'button',
    { type: 'button', class: 'quiet close', 'aria-label': 'Close', onclick: () => box.close() },
    '✕',
  );
  const box = element(
    'dialog',
    { 'aria-label': title, autofocus: true },
    element('header', {}, element('h2', {}, title), close),
    ...children,
  );
  box.addEventListener('close', () => box.remove());
  box.addEventListener('click', (e) => e.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}

// ask asks for one line of text and gives a promise of it; null where the person thinks better of it.
export function ask(title, hint, value = '', properties = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const input = element('input', { type: 'text', value, autocomplete: 'off', 'aria-label': title, ...properties });
    const form = element(
      'form',
      {
        method: 'dialog',
        onsubmit: () => {
          answer = input.value.trim();
        },
      },
      input,
      element('p', { class: 'hint' }, hint),
      element('button', { class: 'primary' }, 'OK'),
    );
    dialog(title, form).addEventListener('close', () => resolve(answer));
    input.focus();
    input.select();
  });
}
