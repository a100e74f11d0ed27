// Where power goes now, between sun, home, battery and grid.

import { h, s } from "./dom.js";
import { kw, percent } from "./format.js";

// Who feeds whom: the sun serves the home first, then the battery, then the grid; the battery serves the home first.
export function split({ solar, load, battery, grid }) {
  const sun = Math.max(solar ?? 0, 0);
  const home = Math.max(load ?? 0, 0);
  const charge = Math.max(battery ?? 0, 0);
  const discharge = Math.max(-(battery ?? 0), 0);
  const sunHome = Math.min(sun, home);
  const sunBattery = Math.min(sun - sunHome, charge);
  const batteryHome = Math.min(discharge, home - sunHome);
  const flow = grid ?? home + charge - discharge - sun;
  return {
    sunHome,
    sunBattery,
    sunGrid: Math.min(sun - sunHome - sunBattery, Math.max(-flow, 0)),
    batteryHome,
    batteryGrid: Math.min(discharge - batteryHome, Math.max(-flow, 0)),
    gridHome: Math.min(home - sunHome - batteryHome, Math.max(flow, 0)),
    gridBattery: Math.min(charge - sunBattery, Math.max(flow, 0)),
  };
}

const NODES = {
  sun: { x: 210, y: 62, label: "Solar", icon: "M0-9a9 9 0 1 0 .01 0M0-17v-4M0 13v4M-17-0h-4M17 0h4M-12-12l-3-3M12-12l3-3M-12 12l-3 3M12 12l3 3" },
  home: { x: 358, y: 180, label: "Home", icon: "M-15 1 0-13 15 1M-11-2v14h22v-14M-3 12v-8h6v8" },
  battery: { x: 210, y: 298, label: "Battery", icon: "M-14-8h25v16h-25zM14-3v6" },
  grid: { x: 62, y: 180, label: "Grid", icon: "M-9 14 0-14 9 14M-6 4h12M-12-6h24M-4-2 6 4M4-2-6 4" },
};
const PATHS = {
  sunHome: { from: "sun", d: "M240 92Q262 158 314 170" },
  sunGrid: { from: "sun", d: "M180 92Q158 158 106 170" },
  sunBattery: { from: "sun", d: "M210 108V252" },
  batteryHome: { from: "battery", d: "M240 268Q262 202 314 190" },
  batteryGrid: { from: "battery", d: "M180 268Q158 202 106 190" },
  gridHome: { from: "grid", d: "M108 180H312" },
  gridBattery: { from: "grid", d: "M106 190Q158 202 180 268" },
};
const QUIET_KW = 0.03;

// The newest value of each quantity over all devices of the home.
export function measured(readings) {
  const newest = (pick) => {
    const found = readings.filter((reading) => pick(reading) !== null && pick(reading) !== undefined);
    found.sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
    return found.length ? pick(found[0]) : null;
  };
  return {
    solar: newest((r) => r.solar.generation_kw),
    load: newest((r) => r.home_load.total_load_kw),
    battery: newest((r) => r.battery.power_kw),
    soc: newest((r) => r.battery.soc_percent),
    grid: newest((r) => r.net_grid_flow_kw),
    ev: newest((r) => r.home_load.ev_charging_kw),
    at: readings.length ? Math.max(...readings.map((r) => Date.parse(r.timestamp))) : null,
  };
}

export function words(values) {
  const active = (value) => value !== null && Math.abs(value) >= QUIET_KW;
  return {
    sun: values.solar === null ? "not measured" : active(values.solar) ? "generating" : "resting",
    home: values.ev !== null && values.ev >= QUIET_KW ? `car ${kw(values.ev)}` : "consuming",
    battery: values.battery === null ? "not measured" : !active(values.battery) ? "idle" : values.battery > 0 ? "charging" : "discharging",
    grid: values.grid === null ? "not measured" : !active(values.grid) ? "balanced" : values.grid > 0 ? "importing" : "exporting",
  };
}

export function diagram(values) {
  const flows = split(values);
  const state = words(values);
  const figure = { sun: values.solar, home: values.load, battery: values.battery, grid: values.grid };
  const told = Object.keys(NODES).map((name) => `${NODES[name].label} ${kw(figure[name] === null ? null : Math.abs(figure[name]))}, ${state[name]}`);
  return h(
    "div",
    { class: "flow" },
    s(
      "svg",
      { viewBox: "0 0 420 360", role: "img", "aria-label": `${told.join("; ")}; battery at ${percent(values.soc)}.` },
      s("defs", null, ["sun", "battery", "grid"].map((name) => arrow(name))),
      Object.entries(PATHS).map(([name, path]) => line(path, flows[name])),
      Object.entries(NODES).map(([name, node]) => circle(name, node, figure[name], state[name], values.soc)),
    ),
  );
}

function arrow(name) {
  const shape = s("path", { d: "M0 0 8 4 0 8z", class: `tip ${name}` });
  return s("marker", { id: `tip-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 4.2, markerHeight: 4.2, orient: "auto" }, shape);
}

function line(path, power) {
  if (!(power >= QUIET_KW)) return s("path", { d: path.d, class: "wire" });
  const pace = power > 3 ? "fast" : power > 1 ? "steady" : "slow";
  const width = 3 + Math.min(power, 8) * 0.55;
  return s(
    "g",
    { class: path.from },
    s("path", { d: path.d, class: "wire live", "stroke-width": width, "marker-end": `url(#tip-${path.from})` }),
    s("path", { d: path.d, class: `spark ${pace}`, "stroke-width": Math.max(2, width - 2) }),
  );
}

function circle(name, node, value, state, soc) {
  const figure = value === null ? "–" : kw(Math.abs(value));
  const ring = 2 * Math.PI * 46;
  return s(
    "g",
    { class: `node ${name}`, transform: `translate(${node.x} ${node.y})` },
    s("circle", { r: 46, class: "disc" }),
    name === "battery" && soc !== null
      ? s("circle", { r: 46, class: "level", "stroke-dasharray": `${(ring * soc) / 100} ${ring}`, transform: "rotate(-90)" })
      : null,
    s("path", { d: node.icon, class: "icon", transform: "translate(0 -19) scale(.72)" }),
    s("text", { y: 11, class: "figure" }, figure),
    s("text", { y: 27, class: "state" }, name === "battery" && soc !== null ? percent(soc) : state),
    s("text", { ...LABEL_AT[name], class: "label" }, name === "battery" ? `${node.label} · ${state}` : node.label),
  );
}

const LABEL_AT = {
  sun: { x: 58, y: -26, "text-anchor": "start" },
  home: { x: 0, y: 68 },
  battery: { x: 58, y: 36, "text-anchor": "start" },
  grid: { x: 0, y: 68 },
};
