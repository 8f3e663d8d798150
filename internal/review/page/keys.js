// Keys of the review view. Digits come first for labels, then the letters that no command has, then these in capitals:
// 36 labels have one key press each. With more labels the digits go to the likeliest ones of the item, and / finds the rest.
export const commands = [
  { key: 'Enter', name: 'accept', does: 'accept the suggestion (or commit the labels chosen); Space does too' },
  { key: 'x', name: 'reject', does: 'reject: the suggestion is wrong, what is right stays open' },
  { key: 's', name: 'skip', does: 'skip: others may know' },
  { key: 'f', name: 'flag', does: 'flag: something is wrong with the item' },
  { key: 'z', name: 'undo', does: 'undo, as far back as you like; Backspace does too' },
  { key: '/', name: 'find', does: 'find a label by typing' },
  { key: 'g', name: 'go', does: 'go to an item by its number; from a list, to the one in focus' },
  { key: ',', name: 'note', does: 'write a note for this decision' },
  { key: '.', name: 'explain', does: 'mark the words that speak for the suggestion, or show the plain text again' },
  { key: ';', name: 'similar', does: 'list items that are similar to this one' },
  { key: '+', name: 'larger', does: 'enlarge the picture; - makes it smaller' },
  { key: '?', name: 'help', does: 'show the keys' },
];

const labelKeys = [...'1234567890abcdehijklmnopqrtuvwyFGSXZ'];
const others = { ' ': 'Enter', Backspace: 'z', '=': '+' };
const names = new Map([...commands.map((c) => [c.key, c.name]), ['-', 'smaller']]);

// command names what a key press asks for, undefined where it is none.
export const command = (press) => names.get(others[press] ?? press);

// cap is how a key is written on the page.
export const cap = (key) => (key === 'Enter' ? '⏎' : /[A-Z]/.test(key) ? `⇧${key}` : key);

// keyboard gives the labels that one key press chooses for an item, as pairs [key, label].
export function keyboard(labels, likely) {
  const chosen = labels.length <= labelKeys.length ? labels : likely.slice(0, 10);
  return chosen.map((name, i) => [labelKeys[i], name]);
}

// press reads a keyboard event: the character for most keys, capitals by the shift key alone, whatever caps lock says.
// Letters and digits are found by their place where the layout has another script, or digits under shift, there.
// It is undefined for what belongs to the browser, or to a field that is typed in.
export function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return undefined;
  const { key, code, shiftKey, target } = event;
  if (target.closest('input, textarea, select, dialog')) return undefined;
  if ((key === 'Enter' || key === ' ') && target.closest('button, a')) return undefined;
  const letter = /^[a-z]$/i.test(key) ? key : key.length === 1 && key > '\x7f' && /^Key([A-Z])$/.exec(code)?.[1];
  if (letter) return shiftKey ? letter.toUpperCase() : letter.toLowerCase();
  if (names.has(key) || /^\d$/.test(key)) return key;
  return (!shiftKey && /^Digit(\d)$/.exec(code)?.[1]) || key;
}
