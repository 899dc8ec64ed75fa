// Brings it up.

function refit() {
  readColours();
  measure();
  redraw();
}

function start() {
  part("drawing").hidden = false;
  useAxis(hasClock ? "time" : "order");
  view.overview = hasClock ? "latency" : "flight";
  fillControls();
  readColours();
  measure();
  canvas.setAttribute("aria-label",
    `Timeline of ${grouped(history.count)} operations in ${view.lanes.length} lanes. ` +
    "Arrow keys move, plus and minus zoom, full stop and comma step through operations, question mark shows all keys.");
  connectControls();
  connectLanes();
  connectOverview();
  showAll();
  if (clash().length > 0) showFinding(0);
  pick(-1);
  showState();
  draw();
  new ResizeObserver(refit).observe(part("drawing"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);
}

if (history.count > 0) start();
