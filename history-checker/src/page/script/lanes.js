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
  let last = 0, first = Infinity;
  for (let operation = 0; operation < history.count; operation++) {
    first = Math.min(first, start[operation]);
    last = Math.max(last, end[operation]);
  }
  for (const fault of history.faults) {
    first = Math.min(first, fault.from[name]);
    last = Math.max(last, fault.from[name], fault.to ? fault.to[name] : last);
  }
  if (!(first < last)) [first, last] = [Math.min(first, last), Math.min(first, last) + 1];
  return { name, start, end, first, last, point: pointsOfOrder(start, end) };
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

// Faults that overlap are named in rows one below the other.
function rowsOfFaults(axis) {
  const ends = [];
  return history.faults
    .map((fault) => ({ name: fault.name, from: fault.from[axis.name], to: fault.to ? fault.to[axis.name] : axis.last }))
    .sort((one, other) => one.from - other.from)
    .map((fault) => {
      let row = ends.findIndex((end) => end <= fault.from);
      if (row < 0) row = ends.length;
      ends[row] = fault.to;
      return { ...fault, row };
    });
}
