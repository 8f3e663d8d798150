// element makes an element. Strings among the children become text: nothing that comes from an item is ever read as HTML.
// Properties that the element has are set as such (onclick, value, hidden), others as attributes; null and false are left out.
export function element(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name in e) e[name] = value;
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c != null));
  return e;
}

// percent writes a share as people read it: 83 %, and 99.6 % where rounding would make it certain.
export function percent(share) {
  if (share > 0.99 && share < 1) return `${Math.min(99.9, 100 * share).toFixed(1)} %`;
  if (share > 0 && share < 0.01) return '<1 %';
  return `${Math.round(100 * share)} %`;
}

// thousands writes a number with commas.
export const thousands = (n) => Math.round(n).toLocaleString('en');

// plural writes a number with its noun.
export const plural = (n, noun, nouns = `${noun}s`) => `${thousands(n)} ${n === 1 ? noun : nouns}`;
