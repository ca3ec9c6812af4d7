"use strict";
// The data of the run, and which part of it is shown. All times are microseconds (or numbers of events) from the beginning.
const D = JSON.parse(document.getElementById("data").textContent);
const MIN_SPAN = D.unit === "us" ? 20 : 4;
const view = { from: 0, to: D.end, key: -1, chosen: -1 };
const LEFT = 118; // pixels for the names of lanes
const OK = 0, FAILED = 1, UNKNOWN = 2;

const ops = (function unpack() {
  const o = D.ops, n = o.id ? o.id.length : 0;
  o.n = n;
  o.from = new Float64Array(n);
  o.to = new Float64Array(n);
  let t = 0;
  for (let i = 0; i < n; i++) {
    t += o.at[i];
    o.from[i] = t;
    const took = o.took[i];
    // An operation without an end is drawn until its client gave up; if that is not known, to the end.
    o.to[i] = took >= 0 ? t + took : took < -1 ? t + (-1 - took) : D.end;
  }
  return o;
})();

// Rows of a client: operations that overlap lie in different rows, at most MAX_ROWS of them.
const MAX_ROWS = 6;
const lanes = (function pack() {
  ops.row = new Uint8Array(ops.n);
  const lanes = D.clients ? D.clients.map((id) => ({ id, rows: [], ends: [] })) : [];
  for (let i = 0; i < ops.n; i++) {
    const lane = lanes[ops.client[i]];
    let row = 0;
    while (row < lane.ends.length && lane.ends[row] > ops.from[i]) row++;
    if (row === MAX_ROWS) row = i % MAX_ROWS;
    if (row >= lane.rows.length) { lane.rows.push({ list: [], longest: 0 }); lane.ends.push(0); }
    ops.row[i] = row;
    lane.rows[row].list.push(i);
    lane.rows[row].longest = Math.max(lane.rows[row].longest, ops.to[i] - ops.from[i]);
    lane.ends[row] = Math.max(lane.ends[row], ops.to[i]);
  }
  return lanes;
})();

const colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["bg", "fg", "dim", "line", "soft", "ok", "failed", "unknown", "bad", "good", "follower", "pre-candidate",
    "candidate", "leader", "down", "paused", "band", "fault", "change", "lane", "select", "link"]) {
    colours[name] = style.getPropertyValue("--" + name).trim();
  }
}
// One colour a node, from the palette of Okabe and Ito and lighter ones; the number is written next to it as well.
const nodeColours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#7b6fd0", "#8c6d46", "#6f7f8f"];
const nodeColour = (n) => nodeColours[(n - 1) % nodeColours.length];
// ink is a colour of letters that can be read on a colour given as #rrggbb.
function ink(hex) {
  const part = (at) => parseInt(hex.slice(at, at + 2), 16);
  return 0.3 * part(1) + 0.59 * part(3) + 0.11 * part(5) > 125 ? "#111" : "#fff";
}
const outcomeColour = (o) => (o === OK ? colours.ok : o === FAILED ? colours.failed : colours.unknown);

function time(t) {
  if (D.unit !== "us") return "event " + Math.round(t);
  const span = view.to - view.from;
  return (t / 1e6).toFixed(span > 60e6 ? 1 : span > 2e6 ? 3 : 6) + " s";
}
function duration(us) {
  if (D.unit !== "us") return Math.round(us) + " events";
  return us < 1000 ? us.toFixed(0) + " µs" : us < 1e6 ? (us / 1e3).toFixed(us < 1e4 ? 2 : 1) + " ms" : (us / 1e6).toFixed(2) + " s";
}

// x is where a time is on a canvas of this width.
const x = (t, width) => LEFT + ((t - view.from) / (view.to - view.from)) * (width - LEFT);
const timeAt = (px, width) => view.from + ((px - LEFT) / (width - LEFT)) * (view.to - view.from);

// firstFrom is the first place in a list of operations whose operation begins at t or later.
function firstFrom(list, t) {
  let low = 0, high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (ops.from[list[mid]] < t) low = mid + 1; else high = mid;
  }
  return low;
}

function describeOp(i) {
  const T = D.texts, kind = D.kinds[ops.kind[i]].replaceAll("_", " "), flags = ops.flags[i];
  let s = `operation ${ops.id[i]} of client ${D.clients[ops.client[i]]}\n${kind} ${T[ops.key[i]]}`;
  if (ops.value[i]) s += " = " + T[ops.value[i]];
  if (ops.expect[i]) s += " if it is " + T[ops.expect[i]];
  if (flags & 4) s += " (stale allowed)";
  s += "\n" + D.outcomes[ops.outcome[i]];
  if (ops.result[i]) s += ": saw " + T[ops.result[i]];
  else if (ops.outcome[i] === OK && kind === "get") s += ": saw no value";
  else if (ops.outcome[i] === OK && /cas|absent/.test(kind)) s += flags & 2 ? ": written" : ": refused";
  if (ops.error[i]) s += ": " + T[ops.error[i]];
  if (ops.version[i]) s += `\nversion ${ops.version[i]}`;
  if (ops.node[i]) s += `\nanswered by node ${ops.node[i]}`;
  if (ops.partition[i] && D.groups.length > 1) s += `, partition ${ops.partition[i]}`;
  if (ops.index[i]) s += `, log index ${ops.index[i]}`;
  const took = ops.took[i];
  s += `\n${time(ops.from[i])}, ` + (took >= 0 ? "took " + duration(took) : took < -1 ? "given up after " + duration(-1 - took) : "never ended");
  return s;
}
