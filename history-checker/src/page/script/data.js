// The history: columns over all operations, unpacked. An operation is its index; arrays are by operation.

const KINDS = ["read", "write", "cas", "add", "remove", "enqueue", "dequeue"];
const SHORT = ["r", "w", "cas", "add", "rm", "enq", "deq"];
const COLOURS = ["read", "write", "cas", "add", "remove", "write", "read"];
const OK = 0, FAILED = 1, UNKNOWN = 2;
const NOT_SWAPPED = 2;

// Numbers from base 64 of base 128, least significant first.
function unpack(base64, count) {
  const bytes = atob(base64), numbers = new Float64Array(count);
  let at = 0;
  for (let index = 0; index < count; index++) {
    let number = 0, weight = 1, byte;
    do {
      byte = bytes.charCodeAt(at++);
      number += (byte & 127) * weight;
      weight *= 128;
    } while (byte & 128);
    numbers[index] = number;
  }
  return numbers;
}

function summed(numbers) {
  for (let index = 1; index < numbers.length; index++) numbers[index] += numbers[index - 1];
  return numbers;
}

function plus(numbers, others) {
  return numbers.map((number, index) => number + others[index]);
}

function readHistory(text) {
  const raw = JSON.parse(text), count = raw.operations;
  const column = (name) => unpack(raw.columns[name], count);
  const line = summed(column("line")), time = summed(column("time"));
  const lines = column("lines"), duration = column("duration"), what = column("what");
  return {
    count, line, time, lines, duration,
    lastLine: plus(line, lines), lastTime: plus(time, duration),
    kind: Uint8Array.from(what, (code) => code & 7),
    outcome: Uint8Array.from(what, (code) => (code >> 3) & 3),
    answer: Uint8Array.from(what, (code) => code >> 5),
    // A number of a text.
    process: column("process"),
    // One more than the number of a text, or 0.
    key: column("key"), asked: column("asked"), to: column("to"), seen: column("seen"),
    lane: column("lane"), version: column("version"), place: column("place"),
    texts: raw.texts, faults: raw.faults, findings: raw.findings,
  };
}

const history = readHistory(section.querySelector('[data-part="history"]').textContent);
const textOf = (column, operation) => history.texts[column[operation] - 1];
const processOf = (operation) => history.texts[history.process[operation]];
const keyOf = (operation) => textOf(history.key, operation);

// The effects of one possible order, as points inside the bars: between the earliest and the latest that its
// predecessors and successors allow, so that points never run against the order.
function pointsOfOrder(start, end) {
  const points = new Float64Array(history.count).fill(NaN);
  const byKey = new Map();
  for (let operation = 0; operation < history.count; operation++) {
    if (history.place[operation] === 0) continue;
    const key = history.key[operation];
    if (!byKey.has(key)) byKey.set(key, []);
    byKey.get(key)[history.place[operation] - 1] = operation;
  }
  for (const order of byKey.values()) {
    let earliest = -Infinity, latest = Infinity;
    for (const operation of order) points[operation] = earliest = Math.max(earliest, start[operation]);
    for (let place = order.length - 1; place >= 0; place--) {
      const operation = order[place];
      const open = history.outcome[operation] === UNKNOWN;
      if (!open) latest = Math.min(latest, end[operation]);
      if (latest < Infinity) points[operation] = (points[operation] + latest) / 2;
    }
  }
  return points;
}
