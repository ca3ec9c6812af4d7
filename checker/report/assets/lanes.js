// The lanes: faults, nodes, partitions and clients. A panel has a title, a height, draw and hit; hit says what lies under
// the mouse, as {text, op}.
const course = D.course;
const byNode = (list) => {
  const out = [];
  for (let n = 0; n <= D.nodes; n++) out.push([]);
  for (const s of list) if (out[s[0]]) out[s[0]].push(s);
  return out;
};
const statesOf = byNode(course.states), rolesOf = byNode(course.roles), loadsOf = byNode(course.loads);
const marksOf = byNode(course.marks.map((m) => [m[1], m[0], m[2]]));
const sharded = D.groups.some((g) => g.partition);
const partitions = D.groups.filter((g) => g.partition).length;
const stateNames = ["up", "paused", "down", "stopped serving"];

// Faults in rows, so that none covers another; strips is the union of those that had an effect.
const faultRows = [];
const strips = [];
for (const f of D.faults) {
  let row = faultRows.findIndex((r) => r[r.length - 1].to <= f.from);
  if (row < 0 && faultRows.length < 40) row = faultRows.push([]) - 1;
  faultRows[row < 0 ? f.n % 40 : row].push(f);
  if (!f.effects || f.change) continue;
  const last = strips[strips.length - 1];
  if (last && f.from <= last[1]) last[1] = Math.max(last[1], f.to); else strips.push([f.from, f.to]);
}

function hatch(c, x0, y, w, h, colour) {
  c.save();
  c.beginPath();
  c.rect(x0, y, w, h);
  c.clip();
  c.strokeStyle = colour;
  c.lineWidth = 1.5;
  c.beginPath();
  for (let d = -h; d < w + h; d += 6) { c.moveTo(x0 + d, y + h); c.lineTo(x0 + d + h, y); }
  c.stroke();
  c.restore();
}

// box draws a period and returns its visible part, null if there is none.
function box(c, w, from, to, y, h, colour) {
  if (to < view.from || from > view.to) return null;
  const x0 = Math.max(LEFT, x(from, w)), x1 = Math.min(w, x(to, w));
  if (colour) { c.fillStyle = colour; c.fillRect(x0, y, Math.max(x1 - x0, 1), h); }
  return [x0, Math.max(x1 - x0, 1)];
}

// label writes a text into a box if it has the room. Dark boxes get light letters.
function label(c, part, y, text, colour, halo, size = 11) {
  if (!part || part[1] < 16) return;
  c.font = size + "px system-ui, sans-serif";
  if (c.measureText(text).width > part[1] - 6) return;
  c.strokeStyle = halo || "transparent";
  c.lineWidth = 3;
  c.lineJoin = "round";
  if (halo) c.strokeText(text, part[0] + 4, y);
  c.fillStyle = colour;
  c.fillText(text, part[0] + 4, y);
}

function name(c, text, y) {
  c.font = "12px system-ui, sans-serif";
  c.fillStyle = colours.fg;
  let s = text;
  while (s.length > 4 && c.measureText(s).width > LEFT - 8) s = s.slice(0, -2) + "…";
  c.fillText(s, 0, y);
}

// behind draws what lies behind all lanes: the times of faults, when all was healed.
function behind(c, w, h) {
  for (const s of strips) box(c, w, s[0], s[1], 0, h, colours.band);
}
function before(c, w, h) {
  const line = (t, colour, dash) => {
    if (t < view.from || t > view.to) return;
    c.strokeStyle = colour;
    c.lineWidth = dash ? 1 : 2;
    c.setLineDash(dash || []);
    c.beginPath();
    c.moveTo(x(t, w), 0);
    c.lineTo(x(t, w), h);
    c.stroke();
    c.setLineDash([]);
  };
  if (course.healed >= 0) line(course.healed, colours.good, [4, 3]);
  for (const a of D.alarms) line(a.at, colours.bad);
}

const within = (t, from, to, slack) => t >= from - slack && t <= to + slack;

// Many faults at a time are lower.
const FAULT = faultRows.length > 10 ? 13 : 18;
const faultPanel = {
  title: "Faults and changes (filled: took effect; framed: found nothing to do)",
  height: () => faultRows.length * FAULT + 2,
  draw(c, w, h) {
    faultRows.forEach((row, r) => {
      for (const f of row) {
        const part = box(c, w, f.from, f.to, r * FAULT + 2, FAULT - 4, f.effects ? (f.change ? colours.change : colours.fault) : null);
        if (!part) continue;
        if (!f.effects) { c.strokeStyle = f.change ? colours.change : colours.fault; c.lineWidth = 1; c.strokeRect(part[0] + 0.5, r * FAULT + 2.5, Math.max(part[1] - 1, 1), FAULT - 5); }
        else if (part[1] > 3) { c.fillStyle = colours.bg; c.fillRect(part[0] + part[1] - 1, r * FAULT + 2, 1, FAULT - 4); }
        const text = f.kind + (f.targets && f.targets.length ? " " + f.targets.join(",") : "");
        label(c, part, r * FAULT + FAULT - 5, text, f.effects ? "#111" : colours.fg, null, FAULT < 18 ? 9 : 11);
      }
    });
    name(c, "faults", 13);
  },
  hit(t, y, slack) {
    const row = faultRows[Math.floor((y - 1) / FAULT)] || [];
    const f = row.find((f) => within(t, f.from, f.to, slack));
    return f && { text: `${f.change ? "change" : "fault"} ${f.n}: ${f.kind}, ` + (f.targets && f.targets.length ? "node " + f.targets.join(", ") : "all nodes") +
      `\n${time(f.from)}, for ${duration(f.to - f.from)}\n` + (f.effects ? `${f.effects} effects` + (f.bites >= 0 ? `, the first at ${time(f.bites)}` : "") : "found nothing to do") +
      `\nmeanwhile: ${f.ok} operations acknowledged, ${f.failed} failed, ${f.unknown} unknown; ${f.leaders} leaders elected` };
  },
};

const NODE = 24;
function drawLoad(c, w, n, y) {
  const list = loadsOf[n];
  for (let i = 0; i < list.length; i++) {
    const [, from, leads, holds] = list[i], to = i + 1 < list.length ? list[i + 1][1] : D.end;
    if (!holds) continue;
    const part = box(c, w, from, to, y, NODE - 4, colours.follower);
    if (part && leads) {
      const tall = Math.max(3, ((NODE - 4) * leads) / partitions);
      box(c, w, from, to, y + NODE - 4 - tall, tall, colours.leader);
    }
    label(c, part, y + 13, `leads ${leads} of ${holds}`, colours.fg, colours.bg);
  }
}
function drawRoles(c, w, n, y) {
  let lastX = -1, lastRole = -1;
  for (const [, , role, term, from, to] of rolesOf[n]) {
    if (to < view.from || from > view.to) continue;
    const px = Math.floor(x(to, w));
    if (px === lastX && role <= lastRole) continue;
    lastX = px;
    lastRole = role;
    const part = box(c, w, from, to, y, NODE - 4, colours[D.roles[role]]);
    const short = "term " + term, long = D.roles[role] + ", " + short;
    const ink = role === 0 ? colours.fg : "#111";
    c.font = "11px system-ui, sans-serif";
    label(c, part, y + 14, c.measureText(long).width < part[1] - 6 ? long : short, ink);
  }
}
const nodePanel = {
  title: sharded ? "Nodes (green: the share of the partitions that it leads)" : "Nodes",
  height: () => D.nodes * NODE,
  draw(c, w, h) {
    behind(c, w, h);
    for (let n = 1; n <= D.nodes; n++) {
      const y = (n - 1) * NODE + 2;
      name(c, "node " + n, y + 14);
      if (sharded) drawLoad(c, w, n, y); else drawRoles(c, w, n, y);
      for (const [, state, from, to] of statesOf[n]) {
        if (state === 0) continue;
        const part = box(c, w, from, to, y, NODE - 4, state === 1 ? null : colours.down);
        if (!part) continue;
        if (state === 1) hatch(c, part[0], y, part[1], NODE - 4, colours.paused);
        else if (state === 3) hatch(c, part[0], y, part[1], NODE - 4, colours.bad);
        label(c, part, y + 14, stateNames[state], state === 1 ? colours.fg : "#fff");
      }
      c.fillStyle = colours.fg;
      for (const [, t, text] of marksOf[n]) {
        if (t < view.from || t > view.to || !D.texts[text].startsWith("installed")) continue;
        const at = x(t, w);
        c.beginPath();
        c.moveTo(at - 4, y + NODE - 2);
        c.lineTo(at + 4, y + NODE - 2);
        c.lineTo(at, y + NODE - 9);
        c.fill();
      }
    }
    if (course.gap) {
      const part = box(c, w, course.gap[0], course.gap[1], 0, h, null);
      if (part) hatch(c, part[0], 0, part[1], h, colours.line);
    }
    before(c, w, h);
  },
  hit(t, y, slack) {
    const n = Math.floor(y / NODE) + 1;
    if (n > D.nodes) return null;
    let text = "node " + n + " at " + time(t);
    const state = statesOf[n].find((s) => t >= s[2] && t < s[3]);
    if (state) text += "\n" + stateNames[state[1]] + (state[4] ? " (" + D.texts[state[4]] + ")" : "") + `, for ${duration(state[3] - state[2])}`;
    else text += "\nnot started";
    const mark = marksOf[n].find((m) => within(t, m[1], m[1], slack));
    if (mark) text += "\n" + D.texts[mark[2]];
    for (const r of rolesOf[n]) {
      if (t < r[4] || t >= r[5]) continue;
      if (sharded && D.roles[r[2]] === "follower") continue;
      text += "\n" + (D.groups.length > 1 ? D.groups[r[1]].name + ": " : "") + D.roles[r[2]] + ", term " + r[3];
    }
    return { text };
  },
};

// Who led each group: periods of leaders by term, so that of two at a time the newer one is drawn last.
const LED = 20;
const ledBy = D.groups.map(() => []);
for (const s of course.roles) if (D.roles[s[2]] === "leader") ledBy[s[1]].push(s);
for (const list of ledBy) list.sort((a, b) => a[3] - b[3]);
const ownerPanel = {
  title: "Partitions (colour and number: the node that leads; empty: nobody)",
  height: () => D.groups.length * LED,
  draw(c, w, h) {
    behind(c, w, h);
    D.groups.forEach((g, i) => {
      const y = i * LED + 2;
      name(c, g.name, y + 12);
      for (const [, , , , from, to] of ledBy[i]) box(c, w, from, to, y, LED - 4, colours.lane);
      for (const [node, , , term, from, to] of ledBy[i]) {
        const part = box(c, w, from, to, y, LED - 4, nodeColour(node));
        label(c, part, y + 12, part && part[1] > 90 ? `${node}  term ${term}` : String(node), ink(nodeColour(node)));
      }
    });
    before(c, w, h);
  },
  hit(t, y) {
    const g = Math.floor(y / LED);
    if (!ledBy[g]) return null;
    const now = ledBy[g].filter((s) => t >= s[4] && t < s[5]).map((s) => `node ${s[0]} leads in term ${s[3]}, for ${duration(s[5] - s[4])}`);
    return { text: `${D.groups[g].name} at ${time(t)}\n` + (now.length ? now.join("\n") : "nobody leads") };
  },
};

// Heights of clients' rows shrink with their number.
const allRows = lanes.reduce((n, l) => n + Math.max(l.rows.length, 1), 0);
const ROW = allRows <= 24 ? 14 : allRows <= 80 ? 9 : allRows <= 200 ? 5 : 3;
const laneTop = [];
let clientsHeight = 0;
for (const l of lanes) { laneTop.push(clientsHeight); clientsHeight += Math.max(l.rows.length, 1) * ROW + 3; }

function drawRow(c, w, row, y) {
  const list = row.list, tall = Math.max(ROW - 2, 2);
  let lastX = -1, worst = -1;
  for (let k = firstFrom(list, view.from - row.longest); k < list.length; k++) {
    const i = list[k];
    if (ops.from[i] > view.to) break;
    if (ops.to[i] < view.from || (view.key >= 0 && ops.key[i] !== view.key)) continue;
    const x0 = Math.max(LEFT, x(ops.from[i], w)), x1 = Math.min(w, x(ops.to[i], w)), o = ops.outcome[i];
    // Many operations in one pixel: the worst of them shows.
    if (x1 - lastX < 1 && o <= worst) continue;
    if (x1 - lastX >= 1) worst = -1;
    c.fillStyle = outcomeColour(o);
    c.fillRect(x0, y, Math.max(x1 - x0 - (x1 - x0 > 3 ? 1 : 0), 1), tall);
    lastX = Math.max(x1, x0 + 1);
    worst = Math.max(worst, o);
    if (o !== OK && x1 - x0 > 3) { // not by colour alone
      c.fillStyle = colours.bg;
      for (let d = x0 + 2; d < x1 - 2; d += o === FAILED ? 4 : 8) c.fillRect(d, y + tall / 2 - 0.5, o === FAILED ? 1 : 4, 1.5);
    }
  }
}
function frame(c, w, i, colour, wide) {
  if (ops.to[i] < view.from || ops.from[i] > view.to || (view.key >= 0 && ops.key[i] !== view.key)) return;
  const lane = ops.client[i], row = ops.row[i];
  const x0 = Math.max(LEFT, x(ops.from[i], w)), x1 = Math.max(x0 + 2, Math.min(w, x(ops.to[i], w)));
  c.strokeStyle = colour;
  c.lineWidth = wide;
  c.strokeRect(x0 - 1, laneTop[lane] + row * ROW, x1 - x0 + 2, ROW - 1);
}
const clientPanel = {
  title: "Clients (a bar is an operation, from its call to its end)",
  height: () => clientsHeight,
  draw(c, w, h) {
    behind(c, w, h);
    let labelled = -20;
    lanes.forEach((lane, n) => {
      const y = laneTop[n];
      if (y - labelled >= 14) { name(c, "client " + lane.id, y + 11); labelled = y; }
      lane.rows.forEach((row, r) => drawRow(c, w, row, y + r * ROW + 1));
    });
    if (view.chosen >= 0) frame(c, w, view.chosen, colours.link, 2);
    for (const f of D.findings) {
      for (const i of f.related) frame(c, w, i, colours.select, 1.5);
      frame(c, w, f.op, colours.bad, 3);
    }
    before(c, w, h);
  },
  hit(t, y, slack) {
    let lane = laneTop.length - 1;
    while (lane > 0 && laneTop[lane] > y) lane--;
    if (lane < 0) return null;
    const row = lanes[lane].rows[Math.floor((y - laneTop[lane]) / ROW)];
    let best = -1, distance = slack;
    for (let k = row ? firstFrom(row.list, t - row.longest - slack) : 0; row && k < row.list.length && ops.from[row.list[k]] <= t + slack; k++) {
      const i = row.list[k];
      if (view.key >= 0 && ops.key[i] !== view.key) continue;
      const away = Math.max(ops.from[i] - t, t - ops.to[i], 0);
      if (away <= distance) { best = i; distance = away; }
    }
    return best < 0 ? null : { text: describeOp(best), op: best };
  },
};
