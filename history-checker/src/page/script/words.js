// Operations, times and places in words.

const grouped = (number) => Math.round(number).toLocaleString("en").replaceAll(",", "\u202f");

const runLength = history.lastTime.reduce((most, time) => Math.max(most, time), 0);
const hasClock = runLength > 0;

// A length of time, as exact as three digits.
function duration(nanoseconds) {
  for (const [unit, length] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (nanoseconds >= length) return `${Number((nanoseconds / length).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(nanoseconds)} ns`;
}

// A time since the first event, as exact as the step between two marks on the axis; one unit for the whole run.
function clockTime(nanoseconds, step) {
  const [unit, length] = runLength >= 1e9 ? ["s", 1e9] : runLength >= 1e6 ? ["ms", 1e6] : ["µs", 1e3];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / length) - 1e-9));
  return `${(nanoseconds / length).toFixed(digits)} ${unit}`;
}

function asked(operation) {
  const kind = KINDS[history.kind[operation]];
  if (kind === "cas") return `cas ${textOf(history.asked, operation)} → ${textOf(history.to, operation)}`;
  return history.asked[operation] > 0 ? `${kind} ${textOf(history.asked, operation)}` : kind;
}

function answered(operation) {
  if (history.outcome[operation] === FAILED) return "failed: it certainly had no effect";
  if (history.outcome[operation] === UNKNOWN) return "outcome unknown: it may take effect at any later time, or never";
  const seen = history.seen[operation] > 0 ? `saw ${textOf(history.seen, operation)}` : "";
  const version = history.version[operation] > 0 ? `version ${history.version[operation] - 1}` : "";
  const answer = history.answer[operation] === NOT_SWAPPED ? "did not swap" : seen ? "" : "done";
  return [answer, seen, version].filter((word) => word).join(", ");
}

// What fits into a bar.
function label(operation) {
  const kind = history.kind[operation], short = SHORT[kind];
  const mark = ["", " ✗", " ?"][history.outcome[operation]];
  const seen = history.seen[operation] > 0 ? textOf(history.seen, operation) : "";
  if (KINDS[kind] === "cas") {
    const lost = history.answer[operation] === NOT_SWAPPED ? ` ≠${seen}` : "";
    return `${short} ${textOf(history.asked, operation)}→${textOf(history.to, operation)}${lost}${mark}`;
  }
  const value = history.asked[operation] > 0 ? textOf(history.asked, operation) : seen;
  return `${short} ${value}${mark}`;
}

function facts(operation) {
  const facts = [`process ${processOf(operation)}`];
  if (history.key[operation] > 0) facts.push(`key ${keyOf(operation)}`);
  const completed = history.lines[operation] > 0;
  const [line, lastLine] = [history.line[operation], history.lastLine[operation]];
  facts.push(completed ? `lines ${line}–${lastLine}` : `line ${line}, never answered`);
  if (hasClock) {
    const from = clockTime(history.time[operation], 1e3);
    const took = duration(history.duration[operation]);
    if (!completed) facts.push(`invoked at ${from}`);
    else if (history.outcome[operation] === UNKNOWN) facts.push(`invoked at ${from}`, `given up after ${took}`);
    else facts.push(`${from} to ${clockTime(history.lastTime[operation], 1e3)}`, `took ${took}`);
  }
  if (history.place[operation] > 0) facts.push(`number ${grouped(history.place[operation])} in the order found`);
  return facts;
}


// Fills an element with what is known of an operation; as text, never as markup.
function describe(element, operation) {
  const what = document.createElement("div"), known = document.createElement("div");
  what.className = "what";
  what.textContent = `${asked(operation)}: ${answered(operation)}`;
  known.className = "facts";
  for (const fact of facts(operation)) {
    const span = document.createElement("span");
    span.textContent = fact;
    known.append(span, " ");
  }
  element.replaceChildren(what, known);
}
