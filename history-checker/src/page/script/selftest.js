// What the page can say of itself: with #selftest whether it is sound, with #measure how long a redraw takes.

function* faultsOfThePage() {
  const { first, last } = view.axis;
  if (!(first < last && view.from < view.to && view.from < last && view.to > first)) yield `the window ${view.from} to ${view.to} is not within ${first} to ${last}`;
  for (const fault of view.faults) {
    if (!(first <= fault.from && fault.from <= fault.to && fault.to <= last)) yield `${fault.name} is not within the run`;
  }
  const buckets = makeBuckets(), large = [];
  showAll();
  view.lanes.forEach((lane, row) => collectLane(lane, row, buckets, large));
  if (large.length === 0 && Object.values(buckets).every((rectangles) => rectangles.length === 0)) yield "nothing is drawn";
  for (const lane of buildLanes(view.axis, () => true)) {
    for (let at = 1; at < lane.operations.length; at++) {
      if (lane.start[at] < lane.end[at - 1]) yield `lane ${lane.number}: operations overlap`;
    }
  }
  const latest = new Map();
  const placed = Array.from({ length: history.count }, (_, operation) => operation).filter((operation) => history.place[operation] > 0);
  placed.sort((one, other) => history.place[one] - history.place[other]);
  for (const operation of placed) {
    const point = view.axis.point[operation], open = history.outcome[operation] === UNKNOWN;
    if (!(point >= view.axis.start[operation])) yield `operation ${operation} takes effect before it is invoked`;
    if (!open && !(point <= view.axis.end[operation])) yield `operation ${operation} takes effect after it returned`;
    if (point < (latest.get(history.key[operation]) ?? -Infinity)) yield `operation ${operation} takes effect out of order`;
    latest.set(history.key[operation], point);
  }
  for (const lane of view.lanes) {
    const shown = COUNTED.slice(0, -1).reduce((sum, name) => sum + lane.counts[name][lane.operations.length], 0);
    if (shown !== lane.operations.length) yield `lane ${lane.number}: counts ${shown} operations`;
  }
}

// Presses every key that the help names, and finds what was asked for under the pointer.
function* faultsOfTheControls() {
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("Home");
  const whole = view.to - view.from;
  press("+");
  if (!(view.to - view.from < whole)) yield "+ does not zoom in";
  const left = view.from;
  press("ArrowRight");
  if (!(view.from > left)) yield "→ does not move";
  press("End");
  if (!(view.to >= view.axis.last)) yield "End does not show the end";
  press("Home");
  press(".");
  const row = view.laneAt.get(history.lane[view.picked]), bar = view.picked >= 0 && barOf(view.picked, row);
  if (!bar) yield "nothing was picked";
  else if (operationAt(bar.left + bar.width / 2, bar.top + bar.height / 2) !== view.picked) yield "a bar is not found where it is drawn";
  for (const operation of clash()) {
    press("n");
    const at = view.axis.start[operation];
    if (part("details").querySelector(":not(div, span)")) yield `operation ${operation} brings markup along`;
    if (view.picked !== operation || at < view.from || at > view.to) yield `n does not show operation ${operation}`;
  }
  press("Escape");
  if (view.picked !== -1) yield "Escape does not let go";
}

function selftest() {
  const faults = [...faultsOfThePage(), ...faultsOfTheControls()];
  for (const name of ["order", "time"]) {
    if (name === "order" || hasClock) {
      switchAxis(name);
      faults.push(...faultsOfThePage());
    }
  }
  draw();
  const operations = Array.from({ length: Math.min(history.count, 1000) }, (_, operation) =>
    [processOf(operation), keyOf(operation) ?? null, asked(operation), answered(operation), history.line[operation], history.lastLine[operation]]);
  return { faults, count: history.count, lanes: view.lanes.length, operations };
}

// Zooms from the whole run to a thousandth and back, and scrolls through it at several widths; waits for the pixels.
function redrawTimes() {
  const times = [];
  const timed = (change) => {
    change();
    const begun = performance.now();
    draw();
    pen.getImageData(0, 0, 1, 1);
    strip.getImageData(0, 0, 1, 1);
    times.push(performance.now() - begun);
  };
  showAll();
  for (let step = 0; step < 30; step++) timed(() => zoom(0.8));
  for (let step = 0; step < 30; step++) timed(() => zoom(1.25));
  for (const share of [0.5, 0.1, 0.01, 0.001]) {
    const length = (view.axis.last - view.axis.first) * share;
    for (let step = 0; step < 40; step++) {
      const from = view.axis.first + ((view.axis.last - view.axis.first - length) * step) / 40;
      timed(() => show(from, from + length));
    }
  }
  times.sort((one, other) => one - other);
  const at = (share) => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2));
  return { redraws: times.length, median_ms: at(0.5), p90_ms: at(0.9), worst_ms: at(1), operations: history.count };
}

const checks = { "#selftest": selftest, "#measure": redrawTimes };
if (checks[location.hash] && history.count > 0) {
  const found = document.createElement("pre");
  found.dataset.part = "found";
  found.textContent = JSON.stringify(checks[location.hash]());
  section.append(found);
}
