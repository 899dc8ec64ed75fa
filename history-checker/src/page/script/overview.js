// The whole run in a strip: how many operations were in flight, or how long they took; and where the window is.

const strip = overviewCanvas.getContext("2d");
const stripX = (position) => ((position - view.axis.first) / (view.axis.last - view.axis.first)) * size.overview.width;
const stripPosition = (pixel) => view.axis.first + (pixel / size.overview.width) * (view.axis.last - view.axis.first);

// Operations in flight, on average over each pixel. An open one counts until its client gave up.
function inFlight() {
  const width = Math.ceil(size.overview.width), whole = new Float64Array(width + 2), part = new Float64Array(width + 2);
  eachShown((operation) => {
    const from = stripX(view.axis.start[operation]), to = stripX(view.axis.end[operation]);
    const first = Math.floor(from), last = Math.min(Math.floor(to), width);
    if (first === last) part[first] += to - from;
    else {
      part[first] += first + 1 - from;
      part[last] += to - last;
      whole[first + 1] += 1;
      whole[last] -= 1;
    }
  });
  let running = 0;
  return { upper: Array.from({ length: width }, (_, pixel) => (running += whole[pixel]) + part[pixel]), lower: null };
}

// The median and the longest of those answered within each pixel, or within several where operations are few.
function latency() {
  const width = Math.ceil(size.overview.width), pixels = Array.from({ length: width }, () => []);
  const shown = view.lanes.reduce((sum, lane) => sum + lane.operations.length, 0);
  const grain = Math.min(16, Math.max(1, Math.round((4 * width) / shown)));
  eachShown((operation) => {
    if (history.outcome[operation] !== OK) return;
    const pixel = Math.min(width - 1, Math.floor(stripX(view.axis.end[operation])));
    pixels[pixel - (pixel % grain)].push(history.duration[operation]);
  });
  for (const lengths of pixels) lengths.sort((one, other) => one - other);
  const groups = pixels.map((_, pixel) => pixels[pixel - (pixel % grain)]);
  return { upper: groups.map((lengths) => lengths.at(-1) ?? 0), lower: groups.map((lengths) => lengths[lengths.length >> 1] ?? 0) };
}

function eachShown(visit) {
  for (const lane of view.lanes) lane.operations.forEach(visit);
}

function overviewData() {
  const data = view.overview === "latency" ? latency() : inFlight();
  const most = data.upper.reduce((most, value) => Math.max(most, value), 0) || 1;
  let height = (value) => value / most, name = `${Number(most.toPrecision(2))} in flight`;
  if (view.overview === "latency") {
    const least = data.lower.reduce((least, value) => (value > 0 ? Math.min(least, value) : least), most);
    const span = Math.log(most / least) + 1;
    height = (value) => (value <= 0 ? 0 : (Math.log(value / least) + 1) / span);
    name = `median and longest, up to ${duration(most)} (log scale)`;
  }
  return { upper: data.upper.map(height), lower: data.lower?.map(height), name };
}

// What does not change while the window moves is painted once.
const backdrop = document.createElement("canvas");

function drawOverview() {
  if (!view.overviewData) {
    view.overviewData = overviewData();
    paintBackdrop(view.overviewData);
  }
  const { width, height } = size.overview;
  strip.setTransform(1, 0, 0, 1, 0, 0);
  strip.drawImage(backdrop, 0, 0);
  strip.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
  drawOverviewMarks(height);
  drawWindow(width, height);
  strip.font = `400 ${size.text * 0.85}px ${colours.font}`;
  strip.textBaseline = "top";
  strip.fillStyle = colours.ink;
  strip.fillText(view.overviewData.name, 6, 6);
}

function paintBackdrop({ upper, lower }) {
  const { width, height } = size.overview, brush = backdrop.getContext("2d");
  [backdrop.width, backdrop.height] = [overviewCanvas.width, overviewCanvas.height];
  brush.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
  brush.fillStyle = colours.lane;
  brush.fillRect(0, 0, width, height);
  for (const fault of view.faults) {
    const left = stripX(fault.from), across = Math.max(stripX(fault.to) - left, 1);
    brush.fillStyle = colours["fault-soft"];
    brush.fillRect(left, 0, across, height);
    brush.fillStyle = colours.fault;
    brush.fillRect(left, 0, across, 3);
  }
  brush.globalAlpha = lower ? 0.55 : 1;
  area(brush, upper, colours.read, height);
  brush.globalAlpha = 1;
  if (lower) area(brush, lower, colours.edge, height);
}

function area(brush, heights, colour, height) {
  brush.fillStyle = colour;
  const room = height - size.text * 1.5;
  heights.forEach((share, pixel) => brush.fillRect(pixel, height - share * room, 1, share * room));
}

function drawOverviewMarks(height) {
  const end = explained();
  if (end !== null) {
    strip.fillStyle = colours.good;
    strip.fillRect(0, height - 3, stripX(end), 3);
  }
  strip.fillStyle = view.finding >= 0 && history.findings[view.finding].bad ? colours.clash : colours.doubt;
  for (const operation of clash()) strip.fillRect(stripX(view.axis.start[operation]) - 1, 0, 3, height);
}

function drawWindow(width, height) {
  const left = Math.max(0, stripX(view.from)), right = Math.min(width, stripX(view.to));
  strip.fillStyle = colours.paper;
  strip.globalAlpha = 0.45;
  strip.fillRect(0, 0, left, height);
  strip.fillRect(right, 0, width - right, height);
  strip.globalAlpha = 1;
  strip.strokeStyle = colours.focus;
  strip.lineWidth = 2;
  strip.strokeRect(left + 1, 1, Math.max(right - left - 2, 2), height - 2);
}
