// Mouse, pen and fingers on the two canvases.

const embedded = section.hasAttribute("data-embedded");
const HANDLE = 6; // pixels within which a thin bar can be hit

const place = (event, element) => {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

// The operation under a point, or -1.
function operationAt(x, y) {
  const lane = view.lanes[Math.floor((y - size.top + view.scroll) / size.lane)];
  if (!lane || y < size.top || x < size.gutter) return -1;
  const last = upperBound(lane.start, positionAt(x + HANDLE / 2)) - 1;
  let best = -1, nearest = HANDLE;
  for (let at = last; at >= Math.max(0, last - 2); at--) {
    const operation = lane.operations[at], open = history.outcome[operation] === UNKNOWN;
    const right = across(lane.end[at]) + (open ? size.text * 5 : 0);
    const distance = Math.max(across(lane.start[at]) - x, x - right, 0);
    if (distance < nearest) [best, nearest] = [operation, distance];
  }
  return best;
}

function hover(x, y) {
  const operation = operationAt(x, y), tip = part("tip");
  tip.hidden = operation < 0;
  if (operation !== view.hovered) {
    view.hovered = operation;
    if (operation >= 0) describe(tip, operation);
    redraw();
  }
  if (operation < 0) return;
  const left = canvas.offsetLeft + x + 16, over = left + tip.offsetWidth > size.width;
  tip.style.left = `${over ? Math.max(4, left - tip.offsetWidth - 32) : left}px`;
  tip.style.top = `${canvas.offsetTop + y + 18}px`;
}

function connectLanes() {
  const held = new Map();
  let moved = 0, spread = 0;
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, place(event, canvas));
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("held");
    moved = 0;
    spread = fingers(held).spread;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event, canvas), before = held.get(event.pointerId);
    if (!before) return hover(now.x, now.y);
    held.set(event.pointerId, now);
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (moved > 3) part("tip").hidden = true;
    const by = (before.x - now.x) / held.size / scale();
    show(view.from + by, view.to + by);
    if (event.pointerType !== "touch") scrollLanes(before.y - now.y);
    if (held.size === 2) {
      const { spread: wider, middle } = fingers(held);
      if (spread > 10 && wider > 10) zoom(spread / wider, positionAt(middle));
      spread = wider;
    }
  });
  const release = (event) => {
    const { x, y } = place(event, canvas);
    if (held.delete(event.pointerId) && event.type === "pointerup" && moved <= 3) pick(operationAt(x, y));
    if (held.size === 0) canvas.classList.remove("held");
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => hover(-1, -1));
  canvas.addEventListener("dblclick", (event) => zoom(1 / 3, positionAt(place(event, canvas).x)));
  canvas.addEventListener("wheel", onWheel, { passive: false });
}

function fingers(held) {
  const [one, other] = [...held.values()];
  return other ? { spread: Math.abs(one.x - other.x), middle: (one.x + other.x) / 2 } : { spread: 0, middle: 0 };
}

// In another's page the wheel belongs to that page until the timeline was clicked.
function onWheel(event) {
  if (embedded && !event.ctrlKey && document.activeElement !== canvas) return;
  event.preventDefault();
  const pixels = event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? 400 : 1;
  const [acrossBy, downBy] = event.shiftKey ? [event.deltaY || event.deltaX, 0] : [event.deltaX, event.deltaY];
  if (Math.abs(acrossBy) > Math.abs(downBy)) {
    const by = (acrossBy * pixels) / scale();
    show(view.from + by, view.to + by);
  } else zoom(Math.exp(Math.min(Math.max(downBy * pixels, -300), 300) * 0.0022), positionAt(place(event, canvas).x));
}

// A click moves the window there; a drag over an empty stretch selects it, a drag of the window moves it.
function connectOverview() {
  let from = null, grip = null;
  overviewCanvas.addEventListener("pointerdown", (event) => {
    const at = stripPosition(place(event, overviewCanvas).x);
    overviewCanvas.setPointerCapture(event.pointerId);
    const whole = view.to - view.from > (view.axis.last - view.axis.first) * 0.9;
    grip = at >= view.from && at <= view.to && !whole ? at - view.from : null;
    from = at;
  });
  overviewCanvas.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const at = stripPosition(place(event, overviewCanvas).x);
    if (grip !== null) show(at - grip, at - grip + view.to - view.from);
    else if (Math.abs(stripX(at) - stripX(from)) > 3) show(Math.min(from, at), Math.max(from, at));
  });
  const release = (event) => {
    const at = stripPosition(place(event, overviewCanvas).x), half = (view.to - view.from) / 2;
    if (from !== null && grip === null && Math.abs(stripX(at) - stripX(from)) <= 3) show(at - half, at + half);
    from = grip = null;
  };
  overviewCanvas.addEventListener("pointerup", release);
  overviewCanvas.addEventListener("pointercancel", () => { from = grip = null; });
}
