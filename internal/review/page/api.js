// Refusal is an answer other than a good one; its message is the server's text for a person. Status 0: no answer at all.
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  // final tells that the same request can't succeed later. A missing token, a restart or a full disk are none of its fault.
  get final() {
    return [400, 404, 409, 413, 415, 422].includes(this.status);
  }
}

const patience = 15000; // milliseconds until a request counts as unanswered

async function request(path, { signal, ...options } = {}) {
  let response, answer;
  try {
    const end = AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])]);
    response = await fetch(path, { ...options, credentials: 'same-origin', signal: end });
    answer = await response.json();
  } catch {
    if (response && !response.ok) throw new Refusal(response.status, `The server answers ${response.status}.`);
    throw new Refusal(0, 'The server does not answer.');
  }
  if (!response.ok) throw new Refusal(response.status, answer.error ?? `The server answers ${response.status}.`);
  return answer;
}

// get reads; parameters that are empty are left out. Signal ends it early.
export function get(path, parameters = {}, signal) {
  const given = Object.entries(parameters).filter(([, value]) => value !== '' && value != null);
  return request(given.length ? `${path}?${new URLSearchParams(given)}` : path, { signal });
}

// post changes something.
export function post(path, body) {
  return request(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

// newKey makes a key by which the server knows a change that is sent twice. (crypto.randomUUID is only there under TLS or
// on the loopback address.)
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
