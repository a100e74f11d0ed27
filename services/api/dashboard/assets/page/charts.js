// Charts on one time axis: same edges, one cursor, the home's zone, colours from the style sheet.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { color } from "./dom.js";

const HEIGHT = { wide: 168, narrow: 138 };
const FONT = '12px Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export const narrow = () => matchMedia("(max-width: 640px)").matches;

// Rows of [time, value, ...] on different grids as the one table that a chart takes; holes are null.
export function join(...tables) {
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

function axes({ zone, values, last }) {
  const ink = color("--quiet");
  const lines = { stroke: color("--line"), width: 1 };
  const size = narrow() ? 40 : 54;
  const day = new Intl.DateTimeFormat(undefined, { timeZone: zone, weekday: "short", day: "numeric" });
  const time = new Intl.DateTimeFormat(undefined, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const tick = (seconds) => {
    const at = new Date(seconds * 1000);
    const text = time.format(at);
    return text === "00:00" ? day.format(at) : text;
  };
  return [
    {
      stroke: ink,
      font: FONT,
      grid: lines,
      ticks: { show: false },
      gap: 6,
      size: last ? 30 : 8,
      space: narrow() ? 58 : 72,
      incrs: [3600, 7200, 10800, 21600, 43200, 86400],
      values: last ? (_, ticks) => ticks.map(tick) : (_, ticks) => ticks.map(() => ""),
    },
    { stroke: ink, font: FONT, grid: lines, ticks: { show: false }, gap: 6, size, space: 34, values: (_, ticks) => ticks.map(values) },
  ];
}

// A vertical line where now is, and a veil over what has passed.
function nowMarker(now) {
  return (u) => {
    const x = Math.round(u.valToPos(now, "x", true));
    const { left, top, width, height } = u.bbox;
    if (x < left || x > left + width) return;
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = color("--past");
    ctx.fillRect(left, top, x - left, height);
    ctx.strokeStyle = color("--now");
    ctx.lineWidth = Math.max(1, devicePixelRatio);
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.restore();
  };
}

// Slots tinted by their action, with a solid ribbon below.
export function actionStrips(slots) {
  return (u) => {
    const { left, top, width, height } = u.bbox;
    const { ctx } = u;
    const ribbon = 7 * devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const slot of slots) {
      if (slot.action === "hold") continue;
      const x0 = Math.round(u.valToPos(slot.from / 1000, "x", true));
      const x1 = Math.round(u.valToPos(slot.to / 1000, "x", true));
      ctx.fillStyle = color(`--${slot.action}`);
      ctx.globalAlpha = 0.2;
      ctx.fillRect(x0, top, x1 - x0, height - ribbon);
      ctx.globalAlpha = 1;
      ctx.fillRect(x0, top + height - ribbon, x1 - x0, ribbon);
    }
    ctx.restore();
  };
}

// A column over the slot whose reason is shown.
function selection(chosen) {
  return (u) => {
    const slot = chosen();
    if (!slot) return;
    const x0 = u.valToPos(slot.from / 1000, "x", true);
    const x1 = u.valToPos(slot.to / 1000, "x", true);
    u.ctx.save();
    u.ctx.fillStyle = color("--chosen");
    u.ctx.fillRect(x0, u.bbox.top, Math.max(x1 - x0, 2), u.bbox.height);
    u.ctx.restore();
  };
}

export const stepped = uPlot.paths.stepped({ align: 1 });

// `series` are uPlot's, without the time; `range` is [from, to] in seconds; `low`/`high` bound the values.
export function chart(host, { series, bands, table, range, now, zone, values, last = false, low, high, under, chosen, onMove }) {
  const paint = [nowMarker(now), ...(under ? [under] : [])];
  const options = {
    width: host.clientWidth,
    height: (narrow() ? HEIGHT.narrow : HEIGHT.wide) + (last ? 22 : 0),
    padding: [10, narrow() ? 6 : 14, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: () => range },
      y: { range: (_, min, max) => padded(min, max, low, high) },
    },
    axes: axes({ zone, values, last }),
    series: [{}, ...series],
    bands,
    cursor: {
      sync: { key: "home", setSeries: false },
      drag: { x: false, y: false },
      y: false,
      points: { size: 7, width: 2, fill: color("--card") },
      focus: { prox: -1 },
    },
    hooks: {
      drawAxes: [(u) => paint.forEach((each) => each(u))],
      draw: chosen ? [selection(chosen)] : [],
      setCursor: [(u) => onMove?.(u)],
    },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
  };
  return new uPlot(options, table, host);
}

function padded(min, max, low, high) {
  const from = low ?? Math.min(min ?? 0, 0);
  const top = Math.max(max ?? 1, from + 0.1);
  return [from < 0 ? from * 1.1 : from, high ?? top + (top - from) * 0.08];
}

export function drawn(width, stroke, more = {}) {
  return { stroke, width, points: { show: false }, spanGaps: false, ...more };
}
