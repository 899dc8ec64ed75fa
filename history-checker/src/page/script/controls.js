// Buttons, filters, keys: everything that is not a pointer on a canvas.

const keyNumbers = [...new Set(history.key)].filter((key) => key > 0);
const keyCount = keyNumbers.length + (history.key.some((key) => key === 0) ? 1 : 0);

const actions = {
  whole: showAll,
  in: () => zoom(1 / 1.6),
  out: () => zoom(1.6),
  clash: () => showFinding(Math.max(view.finding, 0)),
  next: () => stepClash(1),
  previous: () => stepClash(-1),
  time: () => hasClock && switchAxis("time"),
  order: () => switchAxis("order"),
  flight: () => switchOverview("flight"),
  latency: () => switchOverview("latency"),
  help: () => { part("help").hidden = !part("help").hidden; },
};

function showState() {
  const pressed = { time: view.axis.name === "time", order: view.axis.name === "order", flight: view.overview === "flight", latency: view.overview === "latency" };
  for (const [name, on] of Object.entries(pressed)) section.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", on);
  section.querySelector('[data-do="time"]').disabled = !hasClock;
  const operations = clash();
  const all = operations.length === 1 ? "1 operation" : `${operations.length} operations`;
  part("step").textContent = view.step < 0 ? all : `${view.step + 1} of ${operations.length}`;
  for (const group of section.querySelectorAll(".clash-only")) group.hidden = operations.length === 0;
  part("key").value = view.key;
  part("process").value = view.process;
}

// What happens between two lines keeps its place when the axis changes.
function switchAxis(name) {
  if (name === view.axis.name) return;
  const { start, end, first, last } = view.axis, shown = [];
  for (let operation = 0; operation < history.count; operation++) {
    if (end[operation] >= view.from && start[operation] <= view.to) shown.push(operation);
  }
  const whole = view.from <= first && view.to >= last;
  useAxis(name);
  measure();
  if (whole || shown.length === 0) showAll(); else showOperations(shown, 0);
  showState();
}

function switchOverview(name) {
  view.overview = name;
  view.overviewData = null;
  showState();
  redraw();
}

function filter(key, process) {
  [view.key, view.process] = [key, process];
  rebuild();
  measure();
  showState();
  redraw();
}

// A finding is about one key: the others step aside.
function showFinding(index) {
  if (history.findings.length === 0) return;
  view.finding = index;
  view.step = -1;
  const finding = history.findings[index];
  filter(keyCount > 1 && finding.key !== null ? String(finding.key + 1) : "", "");
  if (clash().length > 0) showOperations(clash(), 0.15);
  showState();
}

function stepClash(by) {
  const operations = clash();
  if (operations.length === 0) return;
  const from = view.step < 0 && by < 0 ? 0 : view.step;
  view.step = (from + by + operations.length) % operations.length;
  goTo(operations[view.step]);
  showState();
}

// Picks an operation and makes sure that it can be seen.
function goTo(operation) {
  if (!wanted(operation)) filter("", "");
  const { start, end } = view.axis;
  const share = (end[operation] - start[operation]) / (view.to - view.from);
  if (share < 0.01 || share > 1) showOperations([operation], 8);
  else if (start[operation] < view.from || end[operation] > view.to) showOperations([operation], 0.5 / share);
  else showOperations([operation], Math.max(0, (1 / share - 1) / 2));
  pick(operation);
}

function pick(operation) {
  view.picked = operation;
  if (operation >= 0) describe(part("details"), operation);
  else part("details").textContent = "Point at an operation, or click it.";
  redraw();
}

// The operation before or after the picked one in its lane; the first in the window if none is picked.
function stepInLane(by) {
  if (view.picked < 0 || !wanted(view.picked)) {
    const shown = view.lanes.map((lane) => lane.operations[lowerBound(lane.start, view.from)]);
    const first = shown.find((operation) => operation !== undefined);
    return first === undefined ? undefined : goTo(first);
  }
  const lane = view.lanes[view.laneAt.get(history.lane[view.picked])];
  const at = lowerBound(lane.operations, view.picked) + by;
  if (at >= 0 && at < lane.operations.length) goTo(lane.operations[at]);
}

const keys = {
  ArrowLeft: (event) => move(event.shiftKey ? -1 : -0.15),
  ArrowRight: (event) => move(event.shiftKey ? 1 : 0.15),
  ArrowUp: () => scrollLanes(-2 * size.lane),
  ArrowDown: () => scrollLanes(2 * size.lane),
  Home: showAll,
  End: () => show(view.axis.last - (view.to - view.from), view.axis.last + (view.to - view.from) * 0.02),
  "+": actions.in, "=": actions.in, "-": actions.out, "−": actions.out,
  n: actions.next, p: actions.previous, c: actions.clash,
  ",": () => stepInLane(-1), ".": () => stepInLane(1),
  o: () => switchAxis(view.axis.name === "order" || !hasClock ? (hasClock ? "time" : "order") : "order"),
  "?": actions.help,
  Escape: () => {
    view.step = -1;
    part("help").hidden = true;
    pick(-1);
    showState();
  },
};

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  const action = keys[event.key];
  if (typing || !action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action(event);
}

function fillControls() {
  const choice = part("key"), all = new Option("all", "");
  const wrong = new Set(history.findings.map((finding) => finding.key));
  const options = keyNumbers.map((key) => [`${history.texts[key - 1]}${wrong.has(key - 1) ? " ✗" : ""}`, key]);
  options.sort((one, other) => one[0].localeCompare(other[0], "en", { numeric: true }));
  choice.replaceChildren(all, ...options.map(([text, key]) => new Option(text, key)));
  section.querySelector(".keys").hidden = keyCount < 2;
  const present = [...new Set(history.kind)].sort();
  part("legend").replaceChildren(...present.map((kind) => {
    const entry = document.createElement("span"), sample = document.createElement("i");
    sample.style.background = `var(--${COLOURS[kind]})`;
    entry.append(sample, KINDS[kind]);
    return entry;
  }));
}

function connectControls() {
  for (const button of section.querySelectorAll("[data-do]")) button.addEventListener("click", () => actions[button.dataset.do]());
  for (const button of section.querySelectorAll("[data-operation]")) {
    button.addEventListener("click", () => showNamed(Number(button.dataset.operation)));
  }
  part("key").addEventListener("change", () => filter(part("key").value, view.process));
  part("process").addEventListener("input", () => filter(view.key, part("process").value.trim()));
  // In a page of its own the keys work everywhere, in another's page only here.
  (embedded ? section : document).addEventListener("keydown", onKey);
}

// An operation that a finding names: the finding comes with it.
function showNamed(operation) {
  const index = history.findings.findIndex((finding) => finding.operations.includes(operation));
  if (index !== view.finding && index >= 0) showFinding(index);
  view.step = clash().indexOf(operation);
  goTo(operation);
  showState();
}
