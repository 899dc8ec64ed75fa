// The main canvas: axis, faults, lanes, what is explained, the clash.

const pen = canvas.getContext("2d");
let colours = {};

function readColours() {
  const styles = getComputedStyle(section);
  const names = ["paper", "ink", "soft", "line", "lane", "read", "write", "cas", "add", "remove", "on-bar", "edge", "tick",
    "clash", "fault", "fault-soft", "good", "doubt", "focus", "window"];
  colours = Object.fromEntries(names.map((name) => [name, styles.getPropertyValue(`--${name}`).trim()]));
  colours.font = styles.fontFamily;
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  pen.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, size.width, size.height);
  pen.textBaseline = "middle";
  clipped(0, size.top, size.width, size.height - size.top, drawLaneGrounds);
  clipped(size.gutter, 0, size.width - size.gutter, size.height, drawFaults);
  drawAxis();
  drawExplained();
  clipped(size.gutter, size.top, size.width - size.gutter, size.height - size.top - size.bottom, () => {
    pen.globalAlpha = clash().length > 0 && history.findings[view.finding].bad ? 0.55 : 1;
    drawBars();
    pen.globalAlpha = 1;
    drawOrder();
    drawPicked();
  });
  clipped(size.gutter, 0, size.width - size.gutter, size.height - size.bottom, drawClash);
  clipped(0, size.top, size.width, size.height - size.top - size.bottom, drawLaneNames);
  drawOverview();
}

function clipped(left, top, width, height, paint) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  paint();
  pen.restore();
}

const font = (scale, weight = 400) => `${weight} ${size.text * scale}px ${colours.font}`;

function visibleRows() {
  const first = Math.max(0, Math.floor(view.scroll / size.lane));
  const last = Math.min(view.lanes.length, Math.ceil((view.scroll + size.height - size.top) / size.lane));
  return [first, last];
}

function drawLaneGrounds() {
  const [first, last] = visibleRows();
  pen.fillStyle = colours.lane;
  for (let row = first; row < last; row++) {
    if (row % 2 === 0) pen.fillRect(0, laneTop(row), size.width, size.lane);
  }
}

// A lane is named after the process in the middle of the window; several are said to be several.
function drawLaneNames() {
  const [first, last] = visibleRows();
  pen.font = font(0.9);
  pen.textAlign = "right";
  for (let row = first; row < last; row++) {
    const lane = view.lanes[row];
    const from = Math.min(lowerBound(lane.end, view.from), lane.operations.length - 1);
    const to = Math.max(from, upperBound(lane.start, view.to) - 1);
    const name = processOf(lane.operations[from]);
    const more = name === processOf(lane.operations[to]) ? "" : "…";
    pen.fillStyle = view.picked >= 0 && history.lane[view.picked] === lane.number ? colours.ink : colours.soft;
    pen.fillText(`p${name}${more}`, size.gutter - 8, laneTop(row) + size.lane / 2, size.gutter - 12);
  }
}

// A step of 1, 2 or 5 times a power of ten, so that marks are far enough apart.
function stepOfAxis() {
  const least = (size.text * 7.5) / scale();
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least) * power;
  return view.axis.name === "order" ? Math.max(1, step) : step;
}

function drawAxis() {
  const step = stepOfAxis(), base = view.axis.name === "time" ? 0 : 1;
  pen.font = font(0.88);
  pen.textAlign = "center";
  pen.lineWidth = 1;
  for (let mark = Math.max(0, Math.ceil(view.from / step)); mark * step <= view.to; mark++) {
    const position = mark * step, pixel = Math.round(across(position)) + 0.5;
    if (pixel < size.gutter || position > view.axis.last + step) continue;
    pen.strokeStyle = colours.line;
    pen.beginPath();
    pen.moveTo(pixel, size.text * 1.6);
    pen.lineTo(pixel, size.height);
    pen.stroke();
    pen.fillStyle = colours.soft;
    const name = base === 0 ? clockTime(position, step) : `line ${grouped(position)}`;
    if (pixel > size.gutter + 20 && pixel < size.width - 25) pen.fillText(name, pixel, size.text * 0.85);
  }
}

function drawFaults() {
  pen.font = font(0.88, 600);
  pen.textAlign = "left";
  for (const fault of view.faults) {
    if (fault.to < view.from || fault.from > view.to) continue;
    const left = Math.max(across(fault.from), size.gutter - 2), right = Math.min(across(fault.to), size.width + 2);
    const width = Math.max(right - left, 1), top = size.text * (1.75 + 1.5 * Math.min(fault.row, 2)), height = size.text * 1.35;
    pen.fillStyle = colours["fault-soft"];
    pen.fillRect(left, top, width, size.height - top);
    pen.fillStyle = colours.fault;
    pen.fillRect(left, top, width, 2);
    pen.fillRect(left, top, 1, size.height - top);
    pen.fillRect(left + width - 1, top, 1, size.height - top);
    const room = Math.min(across(fault.next), size.width) - left - 10;
    if (room > size.text * 3) pen.fillText(shortenedTo(fault.name, room), left + 6, top + height / 2 + 1);
  }
}

// A text that is not wider than this; empty if not even its beginning is worth it.
function shortenedTo(text, width) {
  const letter = size.text * 0.56, fits = Math.floor(width / letter);
  if (text.length <= fits || pen.measureText(text).width <= width) return text;
  return fits < 3 ? "" : `${text.slice(0, fits - 1)}…`;
}

// Up to where some order explains everything that had returned; said below the lanes.
function drawExplained() {
  const end = explained();
  if (end === null) return;
  const pixel = Math.min(Math.max(across(end), size.gutter), size.width), y = size.height - size.text * 0.85;
  pen.fillStyle = colours.good;
  pen.globalAlpha = 0.09;
  pen.fillRect(size.gutter, size.top, pixel - size.gutter, size.height - size.top);
  pen.globalAlpha = 1;
  pen.fillRect(size.gutter, size.height - 2, pixel - size.gutter, 2);
  pen.fillRect(pixel - 1, size.top, 2, size.height - size.top);
  const left = pixel - size.gutter, name = "some order explains all that returned up to here";
  pen.font = font(0.88, 600);
  pen.textAlign = left > size.text * 27 ? "right" : "left";
  if (left <= size.text * 27) pen.fillText(`← ${name}`, pixel + 6, y);
  else pen.fillText(pixel < size.width ? `${name} →` : "some order explains all of this", pixel - 6, y);
}
