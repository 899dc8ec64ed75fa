// What is drawn where: the operations that the filter lets through, lane by lane, on one of two axes.

// The first index of a sorted array whose element is not below the value.
function lowerBound(sorted, value, from = 0, to = sorted.length) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < value) from = middle + 1; else to = middle;
  }
  return from;
}

// The first index of a sorted array whose element is above the value.
function upperBound(sorted, value, from = 0, to = sorted.length) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] <= value) from = middle + 1; else to = middle;
  }
  return from;
}

// An axis says where operations and faults begin and end: in nanoseconds, or in lines.
function makeAxis(name) {
  const time = name === "time";
  const start = time ? history.time : history.line, end = time ? history.lastTime : history.lastLine;
  const unit = time ? "time" : "line";
  let last = 0, first = Infinity;
  for (let operation = 0; operation < history.count; operation++) {
    first = Math.min(first, start[operation]);
    last = Math.max(last, end[operation]);
  }
  for (const fault of history.faults) {
    first = Math.min(first, fault.from[unit]);
    last = Math.max(last, fault.from[unit], fault.to ? fault.to[unit] : last);
  }
  if (!(first < last)) [first, last] = [Math.min(first, last), Math.min(first, last) + 1];
  return { name, unit, start, end, first, last, point: pointsOfOrder(start, end) };
}

// The sets of which a lane can count any stretch at once, for stretches that are too small to draw.
const COUNTED = ["read", "write", "cas", "add", "remove", "odd"];

function countsOf(operations) {
  const counts = {};
  for (const name of COUNTED) counts[name] = new Int32Array(operations.length + 1);
  operations.forEach((operation, index) => {
    for (const name of COUNTED) counts[name][index + 1] = counts[name][index];
    counts[COLOURS[history.kind[operation]]][index + 1] += 1;
    if (history.outcome[operation] !== OK) counts.odd[index + 1] += 1;
  });
  return counts;
}

// A lane's operations do not overlap, so their begins and their ends are both sorted.
function buildLanes(axis, wanted) {
  const byLane = new Map();
  for (let operation = 0; operation < history.count; operation++) {
    if (!wanted(operation)) continue;
    const lane = history.lane[operation];
    if (!byLane.has(lane)) byLane.set(lane, []);
    byLane.get(lane).push(operation);
  }
  const numbers = [...byLane.keys()].sort((one, other) => one - other);
  return numbers.map((number) => {
    const operations = Int32Array.from(byLane.get(number));
    return {
      number, operations,
      start: Float64Array.from(operations, (operation) => axis.start[operation]),
      end: Float64Array.from(operations, (operation) => axis.end[operation]),
      counts: countsOf(operations),
    };
  });
}

// Faults that overlap are named in rows one below the other; a name may take the room until the next of its row.
function rowsOfFaults(axis) {
  const ends = [], latest = [];
  return history.faults
    .map((fault) => ({ name: fault.name, from: fault.from[axis.unit], to: fault.to ? fault.to[axis.unit] : axis.last }))
    .sort((one, other) => one.from - other.from)
    .map((fault) => {
      let row = ends.findIndex((end) => end <= fault.from);
      if (row < 0) row = ends.length;
      const placed = { ...fault, row, next: Infinity };
      if (latest[row]) latest[row].next = fault.from;
      [ends[row], latest[row]] = [fault.to, placed];
      return placed;
    });
}
