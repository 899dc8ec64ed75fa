// The operations of a lane: bars where there is room, else columns that count what they stand for.

const COLUMN = 2; // pixels
const ROUNDED = 9; // pixels from which a bar is drawn as such, with its label

// Rectangles by colour, so that the pen changes its colour a few times in a picture, not for every bar.
function makeBuckets() {
  return Object.fromEntries(COUNTED.map((name) => [name, []]));
}

function drawBars() {
  const [first, last] = visibleRows(), buckets = makeBuckets(), large = [];
  for (let row = first; row < last; row++) collectLane(view.lanes[row], row, buckets, large);
  for (const name of COUNTED) {
    pen.fillStyle = name === "odd" ? colours.ink : colours[name];
    const rectangles = buckets[name];
    for (let at = 0; at < rectangles.length; at += 4) {
      pen.fillRect(rectangles[at], rectangles[at + 1], rectangles[at + 2], rectangles[at + 3]);
    }
  }
  for (const [operation, row, next] of large) drawBar(operation, row, next);
}

// Binary search to the window's begin, then as many steps as there are bars and columns to be seen.
function collectLane(lane, row, buckets, large) {
  const pad = Math.max(1, Math.round(size.lane * 0.12)), top = laneTop(row) + pad, height = size.lane - 2 * pad;
  const stop = upperBound(lane.start, view.to);
  // One more to the left: it may be open, and fade into the window.
  let at = Math.max(0, lowerBound(lane.end, view.from) - 1);
  while (at < stop) {
    const operation = lane.operations[at], left = across(lane.start[at]), width = across(lane.end[at]) - left;
    const next = at + 1 < lane.start.length ? across(lane.start[at + 1]) : Infinity;
    const plain = history.outcome[operation] === OK;
    if (width >= ROUNDED || (!plain && next - left >= 5)) {
      large.push([operation, row, next]);
      at += 1;
    } else if (next - left >= COLUMN) {
      if (left >= size.gutter - width) {
        buckets[COLOURS[history.kind[operation]]].push(left, top, Math.max(width, 1.2), height);
        if (!plain) buckets.odd.push(left, top + height - 2, Math.max(width, COLUMN), 2);
      }
      at += 1;
    } else {
      const column = Math.floor(left / COLUMN) * COLUMN;
      const end = Math.max(at + 1, lowerBound(lane.start, positionAt(column + COLUMN), at + 1, stop));
      pushColumn(lane.counts, at, end, column, top, height, buckets);
      at = end;
    }
  }
}

// One upon the other by their shares; a mark below where something failed or stayed open.
function pushColumn(counts, from, to, left, top, height, buckets) {
  let y = top;
  for (const name of COUNTED) {
    const share = (counts[name][to] - counts[name][from]) / (to - from);
    if (share === 0) continue;
    if (name === "odd") {
      buckets.odd.push(left, top + height - 2, COLUMN, 2);
      continue;
    }
    buckets[name].push(left, y, COLUMN, height * share);
    y += height * share;
  }
}

// The place of a bar; never narrower than can be seen.
function barOf(operation, row) {
  const pad = Math.max(1, Math.round(size.lane * 0.12));
  const left = across(view.axis.start[operation]), right = across(view.axis.end[operation]);
  return { left, top: laneTop(row) + pad, width: Math.max(right - left, 1.5), height: size.lane - 2 * pad };
}

function drawBar(operation, row, next) {
  const bar = barOf(operation, row), outcome = history.outcome[operation];
  const left = Math.max(bar.left, size.gutter - 10), right = Math.min(bar.left + bar.width, size.width + 10);
  const colour = colours[COLOURS[history.kind[operation]]];
  const tail = outcome === UNKNOWN ? Math.min(next - 2, right + size.text * 5) : right;
  if (tail < size.gutter) return;
  outline(left, bar.top, Math.max(right - left, 1.5), bar.height);
  if (outcome === FAILED) {
    pen.strokeStyle = colours.edge;
    pen.lineWidth = 1.25;
    pen.stroke();
  } else if (outcome === UNKNOWN) drawOpen(left, right, Math.max(tail, left + 3), bar, colour);
  else {
    pen.fillStyle = colour;
    pen.fill();
  }
  if (history.place[operation] > 0 && bar.width > 14) drawPoint(operation, bar);
  const text = Math.max(bar.left, size.gutter) + 5, room = tail - text;
  if (room > size.text * 1.5 && bar.height >= size.text) {
    pen.fillStyle = outcome === FAILED ? colours.soft : outcome === UNKNOWN ? colours.ink : colours["on-bar"];
    pen.font = font(0.88);
    pen.textAlign = "left";
    const words = shortenedTo(label(operation), room - 3);
    if (words) pen.fillText(words, text, bar.top + bar.height / 2 + 0.5);
  }
}

function outline(left, top, width, height) {
  pen.beginPath();
  if (width > 6) pen.roundRect(left, top, width, height, 3); else pen.rect(left, top, width, height);
}

// Nobody knows when it took effect, if it did: it fades, and has no end. A mark says when the client gave up.
function drawOpen(left, right, tail, bar, colour) {
  const fade = pen.createLinearGradient(left, 0, tail, 0);
  fade.addColorStop(0, colour);
  fade.addColorStop(0.25, colour);
  fade.addColorStop(1, `${colour}00`);
  pen.fillStyle = fade;
  pen.fillRect(left, bar.top, tail - left, bar.height);
  pen.strokeStyle = colours.edge;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  for (const y of [bar.top + 0.5, bar.top + bar.height - 0.5]) {
    pen.moveTo(left, y);
    pen.lineTo(tail, y);
  }
  pen.stroke();
  pen.setLineDash([]);
  if (right > left + 2) {
    pen.fillStyle = colours.edge;
    pen.fillRect(right - 1, bar.top, 1, bar.height);
  }
}

function drawPoint(operation, bar) {
  const pixel = across(view.axis.point[operation]);
  pen.fillStyle = colours.tick;
  pen.fillRect(Math.round(pixel) - 1, bar.top, 2, bar.height * 0.28);
  pen.fillRect(Math.round(pixel) - 1, bar.top + bar.height * 0.72, 2, bar.height * 0.28);
}

// The order that was found, as a line from effect to effect, while there are few enough to follow.
const FOLLOWED = 60;
function drawOrder() {
  if (keyCount > 1 && view.key === "") return;
  const shown = [];
  for (let row = 0; row < view.lanes.length; row++) {
    const lane = view.lanes[row], to = upperBound(lane.start, view.to);
    for (let at = lowerBound(lane.end, view.from); at < to; at++) {
      if (history.place[lane.operations[at]] > 0) shown.push([history.place[lane.operations[at]], lane.operations[at], row]);
      if (shown.length > FOLLOWED) return;
    }
  }
  if (shown.length < 2) return;
  shown.sort((one, other) => one[0] - other[0]);
  pen.strokeStyle = colours.tick;
  pen.globalAlpha = 0.35;
  pen.lineWidth = 1.25;
  pen.beginPath();
  for (const [, operation, row] of shown) {
    pen.lineTo(across(view.axis.point[operation]), laneTop(row) + size.lane / 2);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawPicked() {
  for (const [operation, colour] of [[view.hovered, colours.edge], [view.picked, colours.focus]]) {
    const row = operation < 0 ? undefined : view.laneAt.get(history.lane[operation]);
    if (row === undefined || !wanted(operation)) continue;
    const bar = barOf(operation, row);
    outline(bar.left - 1.5, bar.top - 1.5, bar.width + 3, bar.height + 3);
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.stroke();
  }
}

// What the finding names, over everything else, with the numbers that the text has.
function drawClash() {
  const operations = clash();
  if (operations.length === 0) return;
  const colour = history.findings[view.finding].bad ? colours.clash : colours.doubt;
  operations.forEach((operation, index) => {
    const row = view.laneAt.get(history.lane[operation]);
    if (row === undefined || !wanted(operation)) return;
    const bar = barOf(operation, row);
    if (bar.top < size.top - size.lane || bar.left > size.width + 20 || bar.left + bar.width < size.gutter - 20) return;
    if (bar.width > 5) drawBar(operation, row, Infinity);
    const width = Math.max(bar.width, 4);
    outline(bar.left - 1, bar.top - 1, width + 2, bar.height + 2);
    if (bar.width <= 5) {
      pen.fillStyle = colour;
      pen.fill();
    }
    pen.strokeStyle = colour;
    pen.lineWidth = index === view.step ? 4 : 2.5;
    pen.stroke();
    drawPin(index + 1, Math.min(Math.max(bar.left, size.gutter + 8), size.width - 10), bar.top, colour, index === view.step);
  });
}

function drawPin(number, x, y, colour, active) {
  const radius = size.text * (active ? 0.85 : 0.68);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = colours.paper;
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.fillStyle = colours.paper;
  pen.font = font(active ? 1 : 0.85, 700);
  pen.textAlign = "center";
  pen.fillText(String(number), x, y + 0.5);
}
