// What the reader does: zoom, move, choose; and when to draw.
const panels = [];
const host = document.getElementById("panels"), tip = document.getElementById("tip"), detail = document.getElementById("detail");
function addPanel(panel, needed) {
  if (!needed) return;
  if (panel.title) {
    const h = document.createElement("h3");
    h.textContent = panel.title;
    host.append(h);
  }
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", panel.title || "Time");
  host.append(canvas);
  panels.push({ ...panel, canvas, self: panel });
  listen(canvas, panel);
}

function fit(canvas, height) {
  const w = canvas.clientWidth || 1000, scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
  }
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, w, height);
  return [c, w];
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}
function draw() {
  readColours();
  for (const p of panels) {
    const h = p.self.height(), [c, w] = fit(p.canvas, h);
    p.self.draw(c, w, h);
    if (p.self !== axisPanel) c.clearRect(LEFT - 1, 0, 1, h);
  }
  drawMinimap();
  document.getElementById("range").textContent = `${time(view.from)} – ${time(view.to)}` + (view.key >= 0 ? `, key ${D.texts[view.key]}` : "");
}

function show(from, to) {
  const span = Math.min(D.end, Math.max(MIN_SPAN, to - from));
  view.from = Math.max(0, Math.min(from, D.end - span));
  view.to = view.from + span;
  redraw();
}
function zoom(factor, around) {
  const span = (view.to - view.from) * factor, share = (around - view.from) / (view.to - view.from);
  show(around - share * Math.min(span, D.end), around - share * Math.min(span, D.end) + span);
}
const middle = () => (view.from + view.to) / 2;
function move(share) { const d = share * (view.to - view.from); show(view.from + d, view.to + d); }

const doings = {
  in: () => zoom(0.5, middle()), out: () => zoom(2, middle()), left: () => move(-0.4), right: () => move(0.4), reset: () => show(0, D.end),
};
for (const b of document.querySelectorAll("[data-do]")) b.addEventListener("click", doings[b.dataset.do]);
function keys(e) {
  const what = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "reset", Home: "reset" }[e.key];
  if (!what || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  doings[what]();
}

function wheel(e, canvas) {
  const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey;
  const whole = view.to - view.from >= D.end;
  if (!sideways && whole && e.deltaY > 0) return; // nothing to zoom out of: the page scrolls
  if (e.ctrlKey) return; // the browser's own zoom
  e.preventDefault();
  if (sideways) { move(((e.deltaX || e.deltaY) / canvas.clientWidth) * 1.5); return; }
  zoom(Math.exp(Math.max(-300, Math.min(300, e.deltaY)) * 0.0025), timeAt(Math.max(LEFT, e.offsetX), canvas.clientWidth));
}

let drag = null;
function listen(canvas, panel) {
  const under = (e) => {
    const w = canvas.clientWidth, slack = (4 / (w - LEFT)) * (view.to - view.from);
    return e.offsetX < LEFT ? null : panel.hit(timeAt(e.offsetX, w), e.offsetY, slack);
  };
  canvas.addEventListener("wheel", (e) => wheel(e, canvas), { passive: false });
  canvas.addEventListener("keydown", keys);
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    drag = { at: e.clientX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (drag) {
      const d = ((drag.at - e.clientX) / (canvas.clientWidth - LEFT)) * (drag.to - drag.from);
      if (Math.abs(drag.at - e.clientX) > 3) { drag.moved = true; canvas.classList.add("moving"); hideTip(); }
      if (drag.moved) show(drag.from + d, drag.to + d);
      return;
    }
    const what = under(e);
    if (!what) { hideTip(); return; }
    tip.textContent = what.text;
    tip.hidden = false;
    const left = e.clientX + 16 + tip.offsetWidth > innerWidth ? e.clientX - 12 - tip.offsetWidth : e.clientX + 16;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, Math.min(innerHeight - tip.offsetHeight - 4, e.clientY + 14)) + "px";
  });
  const up = (e) => {
    canvas.classList.remove("moving");
    if (drag && !drag.moved && e.type === "pointerup") choose(under(e));
    drag = null;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("dblclick", (e) => zoom(0.25, timeAt(e.offsetX, canvas.clientWidth)));
}
function hideTip() { tip.hidden = true; }
function choose(what) {
  view.chosen = what && what.op !== undefined ? what.op : -1;
  if (what) detail.textContent = what.text.replaceAll("\n", " · ");
  detail.classList.toggle("chosen", Boolean(what));
  redraw();
}

// The minimap: the whole run, how many operations ended when and how, and a window to move.
const minimap = document.getElementById("minimap");
const overview = (function count() {
  const n = 400, list = Array.from({ length: n }, () => [0, 0, 0]);
  for (let i = 0; i < ops.n; i++) list[Math.min(n - 1, Math.floor((ops.to[i] / D.end) * n))][ops.outcome[i]]++;
  return list;
})();
function drawMinimap() {
  const H = 46, [c, w] = fit(minimap, H), wide = w - LEFT, at = (t) => LEFT + (t / D.end) * wide;
  const highest = Math.max(1, ...overview.map((b) => b[0] + b[1] + b[2]));
  for (const s of strips) { c.fillStyle = colours.band; c.fillRect(at(s[0]), 0, Math.max(1, at(s[1]) - at(s[0])), H); }
  overview.forEach((b, n) => {
    let y = H;
    for (const o of [OK, UNKNOWN, FAILED]) {
      const tall = (b[o] / highest) * (H - 8);
      c.fillStyle = outcomeColour(o);
      c.fillRect(LEFT + (n / overview.length) * wide, y - tall, wide / overview.length + 0.3, tall);
      y -= tall;
    }
  });
  c.fillStyle = colours.bad;
  for (const a of D.alarms) c.fillRect(at(a.at) - 1, 0, 2, H);
  c.font = "12px system-ui, sans-serif";
  c.fillStyle = colours.dim;
  c.fillText("whole run", 6, 28);
  c.globalAlpha = 0.25;
  c.fillStyle = colours.dim;
  c.fillRect(LEFT, 0, at(view.from) - LEFT, H);
  c.fillRect(at(view.to), 0, w - at(view.to), H);
  c.globalAlpha = 1;
  c.strokeStyle = colours.link;
  c.lineWidth = 2;
  c.strokeRect(at(view.from) + 1, 1, Math.max(2, at(view.to) - at(view.from) - 2), H - 2);
}
function jump(e) {
  const t = ((e.offsetX - LEFT) / (minimap.clientWidth - LEFT)) * D.end, half = (view.to - view.from) / 2;
  show(t - half, t + half);
}
let sliding = false;
minimap.addEventListener("pointerdown", (e) => { sliding = true; minimap.setPointerCapture(e.pointerId); jump(e); });
minimap.addEventListener("pointermove", (e) => { if (sliding) jump(e); });
minimap.addEventListener("pointerup", () => { sliding = false; });
minimap.addEventListener("wheel", (e) => wheel(e, minimap), { passive: false });
minimap.addEventListener("keydown", keys);

// The key that is shown alone.
const keyInput = document.getElementById("key");
const keyTexts = [...new Set(ops.key || [])];
for (const k of keyTexts.slice(0, 500)) {
  const option = document.createElement("option");
  option.value = D.texts[k];
  document.getElementById("keys").append(option);
}
function showKey(k) {
  view.key = k;
  keyInput.value = k >= 0 ? D.texts[k] : "";
  redraw();
}
keyInput.addEventListener("input", () => {
  const wanted = keyInput.value.trim();
  const k = keyTexts.find((k) => D.texts[k] === wanted || D.texts[k] === JSON.stringify(wanted));
  view.key = k === undefined ? -1 : k;
  redraw();
});

for (const b of document.querySelectorAll("[data-finding]")) {
  b.addEventListener("click", () => {
    const f = D.findings[+b.dataset.finding], all = [f.op, ...f.related];
    const from = Math.min(...all.map((i) => ops.from[i])), to = Math.max(...all.map((i) => (ops.took[i] < 0 ? ops.from[i] : ops.to[i])));
    const margin = Math.max(MIN_SPAN, (to - from) * 0.15);
    showKey(ops.key[f.op]);
    show(from - margin, to + margin);
    choose({ text: describeOp(f.op), op: f.op });
    document.getElementById("timeline").scrollIntoView({ behavior: "smooth" });
  });
}

function legend() {
  const add = (colour, text) => {
    const s = document.createElement("span"), i = document.createElement("i");
    i.style.background = `var(--${colour})`;
    s.append(i, text);
    document.getElementById("legend").append(s);
  };
  if (ops.n) { add("ok", "acknowledged"); add("failed", "failed, not applied"); add("unknown", "outcome unknown"); }
  if (course.states.length) {
    if (sharded) { add("leader", "leads"); add("follower", "holds"); } else { add("leader", "leader"); add("candidate", "candidate"); add("pre-candidate", "asks for an election"); add("follower", "follower"); }
    add("down", "down");
    add("paused", "paused (striped); faults");
    add("change", "changes by operators");
  }
  if (D.alarms.length || D.findings.length) add("bad", "violation");
  if (course.healed >= 0) add("good", "all faults ended (dashed)");
}

readColours();
addPanel(axisPanel, true);
addPanel(faultPanel, faultRows.length > 0);
addPanel(nodePanel, course.states.length > 0);
addPanel(ownerPanel, sharded);
addPanel(clientPanel, ops.n > 0);
addPanel(latencyPanel, ops.n > 0);
addPanel(ratePanel, ops.n > 0);
addPanel(axisPanel, true);
legend();
draw();
addEventListener("resize", redraw);
// Paper is light.
addEventListener("beforeprint", () => { document.documentElement.dataset.print = ""; draw(); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.print; draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
