import { element } from './element.js';

const held = 64; // pictures that are kept loaded
const pictures = new Map(); // by address

// image is the view of a picture, with the text beside it where there is one.
export const image = {
  draw(entry) {
    const img = picture(entry.image);
    img.alt = `item ${entry.item}`;
    const pane = element('div', { class: 'pane' }, img);
    zoomable(pane, img);
    return element('div', { class: 'image' }, pane, entry.text ? element('p', { dir: 'auto' }, entry.text) : null);
  },

  prepare(entry, soon) {
    const img = picture(entry.image);
    if (soon) img.decode().catch(() => pictures.delete(entry.image)); // an unreadable one is asked for again
  },

  speak: (entry) => [`picture ${entry.id}`, entry.text].filter(Boolean).join(', '),

  thumb: (entry) =>
    element('img', { src: entry.image, alt: entry.id, loading: 'lazy', decoding: 'async', class: 'thumb' }),
};

function picture(address) {
  let img = pictures.get(address);
  pictures.delete(address);
  if (!img) {
    img = element('img', { src: address, decoding: 'sync', draggable: false });
  }
  pictures.set(address, img);
  if (pictures.size > held) pictures.delete(pictures.keys().next().value);
  return img;
}

// zoomable lets the wheel, two fingers and a double click enlarge a picture about the place pointed at, and the pointer
// drag it.
function zoomable(pane, img) {
  let scale = 1,
    x = 0,
    y = 0;
  const pointers = new Map();
  const draw = () => {
    const limit = (length, moved) => Math.min(0, Math.max(length * (1 - scale), moved));
    x = limit(pane.clientWidth, x);
    y = limit(pane.clientHeight, y);
    img.style.transform = scale === 1 ? '' : `translate(${x}px, ${y}px) scale(${scale})`;
    pane.classList.toggle('zoomed', scale > 1);
  };
  const zoom = (factor, clientX, clientY) => {
    const box = pane.getBoundingClientRect();
    const to = Math.min(12, Math.max(1, scale * factor));
    const move = (at, moved) => at - ((at - moved) * to) / scale;
    x = move(clientX - box.left, x);
    y = move(clientY - box.top, y);
    scale = to;
    draw();
  };
  const spread = () => {
    const [a, b] = pointers.values();
    return { apart: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  pane.zoom = (factor) => {
    const box = pane.getBoundingClientRect();
    zoom(factor, box.left + box.width / 2, box.top + box.height / 2);
  };
  pane.addEventListener(
    'wheel',
    (e) => {
      e.preventDefault();
      zoom(Math.exp(-e.deltaY / 300), e.clientX, e.clientY);
    },
    { passive: false },
  );
  pane.addEventListener('dblclick', (e) => zoom(scale > 1 ? 1 / scale : 3, e.clientX, e.clientY));
  pane.addEventListener('pointerdown', (e) => {
    pane.setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, { x: e.clientX, y: e.clientY });
  });
  pane.addEventListener('pointermove', (e) => {
    const was = pointers.get(e.pointerId);
    if (!was) return;
    const before = pointers.size === 2 && spread();
    pointers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (before) {
      const now = spread();
      zoom(now.apart / before.apart, now.x, now.y);
    } else {
      x += e.clientX - was.x;
      y += e.clientY - was.y;
      draw();
    }
  });
  for (const type of ['pointerup', 'pointercancel']) pane.addEventListener(type, (e) => pointers.delete(e.pointerId));
  img.style.transform = '';
}
