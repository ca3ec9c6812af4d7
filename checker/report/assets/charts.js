// The charts below the lanes: latency and rate, over the same time.
const BUCKETS = 120;
const sorted = (function byEnd() {
  const order = new Uint32Array(ops.n);
  for (let i = 0; i < ops.n; i++) order[i] = i;
  return order.sort((a, b) => ops.to[a] - ops.to[b]);
})();
function firstTo(t) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (ops.to[sorted[mid]] < t) low = mid + 1; else high = mid;
  }
  return low;
}

// buckets puts the operations that ended in view into equal parts of it.
let bucketCache = { at: "", list: null };
function buckets() {
  const at = view.from + "/" + view.to + "/" + view.key;
  if (bucketCache.at === at) return bucketCache.list;
  const list = [];
  for (let b = 0; b < BUCKETS; b++) list.push({ count: [0, 0, 0], took: [] });
  const scale = BUCKETS / (view.to - view.from);
  for (let k = firstTo(view.from); k < sorted.length && ops.to[sorted[k]] <= view.to; k++) {
    const i = sorted[k];
    if (view.key >= 0 && ops.key[i] !== view.key) continue;
    const b = list[Math.min(BUCKETS - 1, Math.floor((ops.to[i] - view.from) * scale))];
    b.count[ops.outcome[i]]++;
    if (ops.outcome[i] === OK) b.took.push(ops.took[i]);
  }
  for (const b of list) b.took.sort((p, q) => p - q);
  bucketCache = { at, list };
  return list;
}
const percentile = (took, p) => (took.length ? took[Math.min(took.length - 1, Math.floor(took.length * p))] : NaN);
const bucketAt = (t) => Math.max(0, Math.min(BUCKETS - 1, Math.floor(((t - view.from) / (view.to - view.from)) * BUCKETS)));

// The scale of latency is logarithmic, over the whole run, so that zooming does not move it.
let least = Infinity, most = 1;
for (let i = 0; i < ops.n; i++) {
  if (ops.outcome[i] !== OK) continue;
  least = Math.min(least, Math.max(ops.took[i], 1));
  most = Math.max(most, ops.took[i]);
}
if (least > most) least = 1;
const bottom = Math.floor(Math.log10(least)), top10 = Math.max(bottom + 1, Math.ceil(Math.log10(most)));
const CHART = 130;
const latencyY = (took) => 6 + (CHART - 14) * (1 - (Math.log10(Math.max(took, 1)) - bottom) / (top10 - bottom));

const latencyPanel = {
  title: "Latency of acknowledged operations (dots; lines: median and 99th percentile)",
  height: () => CHART,
  draw(c, w, h) {
    behind(c, w, h);
    for (let e = bottom; e <= top10; e++) {
      const y = latencyY(10 ** e);
      c.fillStyle = colours.line;
      c.fillRect(LEFT, y, w - LEFT, 1);
      c.font = "11px system-ui, sans-serif";
      c.fillStyle = colours.dim;
      const text = D.unit === "us" ? duration(10 ** e).replace(/\.0+(?= )/, "") : String(10 ** e);
      if (top10 - bottom < 7 || e % 2 === 0) c.fillText(text, LEFT - 8 - c.measureText(text).width, y + 4);
    }
    // One dot a pixel, however many operations there are.
    const big = firstTo(view.to) - firstTo(view.from) < 3000 ? 3 : 2;
    const seen = new Uint8Array(Math.ceil(w) * CHART);
    c.fillStyle = colours.ok;
    c.globalAlpha = 0.6;
    for (let k = firstTo(view.from); k < sorted.length && ops.to[sorted[k]] <= view.to; k++) {
      const i = sorted[k];
      if (ops.outcome[i] !== OK || (view.key >= 0 && ops.key[i] !== view.key)) continue;
      const px = Math.floor(x(ops.to[i], w)), py = Math.floor(latencyY(ops.took[i]));
      if (seen[py * Math.ceil(w) + px]) continue;
      seen[py * Math.ceil(w) + px] = 1;
      c.fillRect(px - 1, py - 1, big, big);
    }
    c.globalAlpha = 1;
    this.line(c, w, 0.5, colours.fg, []);
    this.line(c, w, 0.99, colours.bad, [5, 3]);
    before(c, w, h);
  },
  line(c, w, p, colour, dash) {
    c.strokeStyle = colour;
    c.lineWidth = 1.5;
    c.setLineDash(dash);
    c.beginPath();
    let drawing = false;
    buckets().forEach((b, n) => {
      const y = latencyY(percentile(b.took, p));
      if (!b.took.length) { drawing = false; return; }
      const px = LEFT + ((n + 0.5) / BUCKETS) * (w - LEFT);
      if (drawing) c.lineTo(px, y); else { c.moveTo(px - 2, y); c.lineTo(px, y); }
      drawing = true;
    });
    c.stroke();
    c.setLineDash([]);
  },
  hit(t) {
    const took = buckets()[bucketAt(t)].took;
    if (!took.length) return null;
    return { text: `around ${time(t)}: of ${took.length} operations\nmedian ${duration(percentile(took, 0.5))}, 99 % ${duration(percentile(took, 0.99))}, slowest ${duration(took[took.length - 1])}` };
  },
};

const RATE = 90;
// Where only a part of the operations is here, each stands for several.
const ended = (b) => b.count[0] * D.weights[0] + b.count[1] * D.weights[1] + b.count[2] * D.weights[2];
const estimate = (b, o) => Math.round(b.count[o] * D.weights[o]);
const ratePanel = {
  title: D.unit === "us" ? "Operations that ended, a second" : "Operations that ended",
  height: () => RATE,
  draw(c, w, h) {
    behind(c, w, h);
    const list = buckets(), wide = (w - LEFT) / BUCKETS, seconds = D.unit === "us" ? (view.to - view.from) / 1e6 / BUCKETS : 1;
    const highest = Math.max(1, ...list.map(ended));
    list.forEach((b, n) => {
      let y = RATE - 2;
      for (const o of [OK, UNKNOWN, FAILED]) {
        const tall = ((b.count[o] * D.weights[o]) / highest) * (RATE - 14);
        c.fillStyle = outcomeColour(o);
        if (tall > 0) c.fillRect(LEFT + n * wide, y - tall, Math.max(wide - 1, 1), tall);
        y -= tall;
      }
    });
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = colours.dim;
    const rate = highest / seconds, text = rate >= 10 ? Math.round(rate).toLocaleString("en") : rate.toFixed(1);
    c.fillText(text, LEFT - 8 - c.measureText(text).width, 16);
    c.fillText("0", LEFT - 8 - c.measureText("0").width, RATE - 2);
    before(c, w, h);
  },
  hit(t) {
    const b = buckets()[bucketAt(t)];
    return { text: `around ${time(t)}, in ${duration((view.to - view.from) / BUCKETS)}:\n${D.omitted ? "about " : ""}${estimate(b, OK)} acknowledged, ${estimate(b, FAILED)} failed, ${estimate(b, UNKNOWN)} unknown` };
  },
};

const axisPanel = {
  title: "",
  height: () => 22,
  draw(c, w) {
    const room = Math.max(2, Math.floor((w - LEFT) / 110)), raw = (view.to - view.from) / room, size = 10 ** Math.floor(Math.log10(raw));
    const step = Math.max(D.unit === "us" ? 1e-3 : 1, size * (raw / size > 5 ? 10 : raw / size > 2 ? 5 : raw / size > 1 ? 2 : 1));
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = colours.dim;
    c.fillRect(LEFT, 0, w - LEFT, 1);
    const digits = Math.max(0, -Math.floor(Math.log10(step / 1e6)));
    for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
      const text = D.unit === "us" ? (t / 1e6).toFixed(digits) + " s" : String(Math.round(t)), at = x(t, w), wide = c.measureText(text).width;
      c.fillRect(at, 0, 1, 5);
      c.fillText(text, Math.max(LEFT, Math.min(w - wide, at - wide / 2)), 17);
    }
  },
  hit: () => null,
};
