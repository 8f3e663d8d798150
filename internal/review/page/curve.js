const width = 240;
const height = 112;
const inset = { left: 38, right: 8, top: 8, bottom: 18 };

// curve draws accuracies by the number of labels, with their intervals: points are {labels, accuracy: {estimate, low, high}},
// in growing order of labels. What it shows is told in words, too.
export function curve(points) {
  const most = points.at(-1).labels;
  const floor = Math.floor(10 * Math.min(...points.map((p) => p.accuracy.low))) / 10;
  const x = (labels) => inset.left + (labels / most) * (width - inset.left - inset.right);
  const y = (share) => inset.top + ((1 - share) / (1 - floor || 1)) * (height - inset.top - inset.bottom);
  const at = (p, end) => `${x(p.labels).toFixed(1)},${y(p.accuracy[end]).toFixed(1)}`;
  const band = [...points.map((p) => at(p, 'high')), ...points.map((p) => at(p, 'low')).reverse()];
  const text = words(points);
  const svg = node('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': text, class: 'curve' });
  for (const share of [floor, 1]) {
    svg.append(
      node('line', { x1: inset.left, x2: width - inset.right, y1: y(share), y2: y(share), class: 'rule' }),
      node('text', { x: inset.left - 4, y: y(share) + 3, class: 'end' }, `${Math.round(100 * share)} %`),
    );
  }
  svg.append(
    node('polygon', { points: band.join(' '), class: 'band' }),
    node('polyline', { points: points.map((p) => at(p, 'estimate')).join(' '), class: 'line' }),
    ...points.map((p) => {
      const { estimate, low, high } = p.accuracy;
      return node(
        'g',
        {},
        node('title', {}, sentence(p)),
        node('line', { x1: x(p.labels), x2: x(p.labels), y1: y(high), y2: y(low), class: 'interval' }),
        node('circle', { cx: x(p.labels), cy: y(estimate), r: 2.5 }),
      );
    }),
    node('text', { x: inset.left, y: height - 4 }, '0 labels'),
    node('text', { x: width - inset.right, y: height - 4, class: 'end' }, most.toLocaleString('en')),
  );
  return svg;
}

const tenths = (share) => (100 * share).toFixed(1);
const sentence = ({ labels, accuracy: { estimate, low, high } }) =>
  `${tenths(estimate)} % (${tenths(low)} to ${tenths(high)}) at ${labels.toLocaleString('en')} labels`;

const words = (points) =>
  points.length > 1
    ? `Learning curve of ${points.length} rounds: accuracy on audited items ${sentence(points[0])}, ${sentence(points.at(-1))}`
    : `Accuracy on audited items: ${sentence(points[0])}`;

function node(tag, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}
