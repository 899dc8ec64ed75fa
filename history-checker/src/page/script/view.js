// What is shown: the axis, the filter, the window of the axis, the finding and the operation that are looked at.

const part = (name) => section.querySelector(`[data-part="${name}"]`);
const canvas = part("lanes"), overviewCanvas = part("overview");

const view = {
  axis: null, lanes: [], faults: [], faultRows: 0,
  // The window, in units of the axis.
  from: 0, to: 1,
  // Pixels by which the lanes are scrolled.
  scroll: 0,
  key: "", process: "",
  // Which finding, which of its operations (-1: all of them), which operation is picked and which is pointed at.
  finding: history.findings.length > 0 ? 0 : -1, step: -1, picked: -1, hovered: -1,
  overview: "flight",
};

const axes = {};
function useAxis(name) {
  axes[name] ??= makeAxis(name);
  view.axis = axes[name];
  view.faults = rowsOfFaults(view.axis);
  view.faultRows = Math.min(3, view.faults.reduce((most, fault) => Math.max(most, fault.row + 1), 0));
  rebuild();
}

const wanted = (operation) =>
  (view.key === "" || history.key[operation] === Number(view.key)) &&
  (view.process === "" || processOf(operation) === view.process);

function rebuild() {
  view.lanes = buildLanes(view.axis, wanted);
  view.laneAt = new Map(view.lanes.map((lane, row) => [lane.number, row]));
  view.overviewData = null;
  view.scroll = 0;
}

// Sizes on the canvas, in CSS pixels; they follow the size of the text.
const size = { width: 800, height: 400, text: 13, gutter: 60, top: 24, bottom: 6, lane: 24, ratio: 1, overview: { width: 800, height: 70 } };

function measure() {
  const styles = getComputedStyle(section);
  size.text = Math.max(11, parseFloat(styles.fontSize) * 0.8);
  size.ratio = window.devicePixelRatio || 1;
  size.width = Math.max(200, part("drawing").clientWidth - 2 * parseFloat(getComputedStyle(part("drawing")).paddingLeft));
  size.gutter = Math.round(size.text * 4.6);
  size.top = Math.round(size.text * (1.9 + 1.5 * view.faultRows));
  size.bottom = explained() === null ? 6 : Math.round(size.text * 1.7);
  const room = Math.max(260, window.innerHeight * 0.62);
  const lanes = Math.max(1, view.lanes.length);
  size.lane = Math.round(Math.min(size.text * 2.9, Math.max(size.text * 1.25, (room - size.top - size.bottom) / lanes)));
  size.height = Math.min(size.top + lanes * size.lane + size.bottom, Math.max(room, size.top + 3 * size.lane));
  fit(canvas, size.width, size.height);
  size.overview = { width: overviewCanvas.clientWidth || size.width, height: overviewCanvas.clientHeight || 70 };
  fit(overviewCanvas, size.overview.width, size.overview.height);
  view.overviewData = null;
}

function fit(element, width, height) {
  const [across, down] = [Math.round(width * size.ratio), Math.round(height * size.ratio)];
  if (element === canvas) element.style.height = `${height}px`;
  if (element.width !== across) element.width = across;
  if (element.height !== down) element.height = down;
}

const scale = () => (size.width - size.gutter) / (view.to - view.from);
const across = (position) => size.gutter + (position - view.from) * scale();
const positionAt = (pixel) => view.from + (pixel - size.gutter) / scale();
const laneTop = (row) => size.top + row * size.lane - view.scroll;

// Moves the window, within the run and some room on both sides.
function show(from, to) {
  const { first, last, name } = view.axis;
  const margin = (last - first) * 0.015;
  const least = Math.max((last - first) * 1e-9, Math.min(name === "time" ? 20 : 4, (last - first) / 8));
  const length = Math.min(Math.max(to - from, least), last - first + 2 * margin);
  const middle = (from + to) / 2;
  view.from = Math.min(Math.max(middle - length / 2, first - margin), last + margin - length);
  view.to = view.from + length;
  redraw();
}

const showAll = () => show(2 * view.axis.first - view.axis.last, 2 * view.axis.last - view.axis.first);
const move = (share) => show(view.from + (view.to - view.from) * share, view.to + (view.to - view.from) * share);

// Makes the window larger by a factor while what is at this place stays there.
function zoom(factor, at = (view.from + view.to) / 2) {
  show(at - (at - view.from) * factor, at + (view.to - at) * factor);
}

function scrollLanes(pixels) {
  const most = Math.max(0, view.lanes.length * size.lane + size.top + size.bottom - size.height);
  view.scroll = Math.min(Math.max(view.scroll + pixels, 0), most);
  redraw();
}

// Where on the axis the longest prefix ends that some order explains; null if that is not known, or all of it.
function explained() {
  const last = view.finding < 0 ? null : history.findings[view.finding].dead_end;
  return last === null ? null : view.axis.end[last];
}

const clash = () => (view.finding < 0 ? [] : history.findings[view.finding].operations);

// The window that holds these operations with some room around them.
function showOperations(operations, room) {
  const { start, end, first, last } = view.axis;
  const from = Math.min(...operations.map((operation) => start[operation]));
  const to = Math.max(...operations.map((operation) => end[operation]));
  const length = Math.max(to - from, (last - first) * 1e-7, view.axis.name === "order" ? 4 : 50);
  show(from - length * room, to + length * room);
  const row = view.laneAt.get(history.lane[operations[operations.length - 1]]);
  if (row !== undefined && (laneTop(row) < size.top || laneTop(row + 1) > size.height)) scrollLanes(laneTop(row) - size.height / 2);
}
