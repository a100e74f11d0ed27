// Plan and forecast on one time axis, and the reason for the slot under the cursor, the finger or the arrow keys.

import { actionStrips, chart, drawn, join, narrow, stepped } from "./charts.js";
import { byId, color, h, setText } from "./dom.js";
import { both, city, browserZone, duration, kw, milliseconds, moment, money, percent, price, sameClock, share } from "./format.js";
import { ACTIONS, bindingText, slotsOf } from "./plan.js";

const HOUR = 3600;
const seconds = (text) => Date.parse(text) / 1000;

let charts = [];
let view = null;

const grid = (document_, count) => {
  const first = seconds(document_.start);
  const step = milliseconds(document_.resolution) / 1000;
  return Array.from({ length: count }, (_, index) => first + index * step);
};

function measuredTable(series, name) {
  const values = series?.values[name] ?? [];
  return values.length ? [grid(series, values.length), values] : [[], []];
}

// Times, then the quantiles 0.1, 0.5 and 0.9.
function bandTable(forecast, from, to) {
  if (!forecast) return [[], [], [], []];
  const { quantiles } = forecast;
  const times = grid(forecast, quantiles["0.5"].length);
  const inside = (_, index) => times[index] >= from && times[index] < to;
  return [times, quantiles["0.1"] ?? quantiles["0.5"], quantiles["0.5"], quantiles["0.9"] ?? quantiles["0.5"]].map((column) => column.filter(inside));
}

// What was expected a day ago up to now, then what is expected now.
function expectation(before, latest) {
  const now = latest ? seconds(latest.start) : Infinity;
  const past = bandTable(before, -Infinity, now);
  const ahead = bandTable(latest, now, Infinity);
  return past.map((column, index) => column.concat(ahead[index]));
}

// How often the measurement of the last day lay in the band that was forecast for it.
export function heldShare(before, series, name) {
  if (!before) return null;
  const [times, low, , high] = bandTable(before, -Infinity, Infinity);
  const at = new Map(times.map((time, index) => [time, index]));
  const [measuredTimes, values] = measuredTable(series, name);
  let inside = 0;
  let count = 0;
  measuredTimes.forEach((time, index) => {
    const place = at.get(time);
    if (place === undefined || values[index] === null) return;
    count += 1;
    if (values[index] >= low[place] - 1e-9 && values[index] <= high[place] + 1e-9) inside += 1;
  });
  return count >= 8 ? inside / count : null;
}

function valueAt(table, column, time) {
  const [times] = table;
  let found = null;
  for (let index = 0; index < times.length && times[index] <= time; index += 1) {
    const value = table[column][index];
    if (value !== null && value !== undefined && time - times[index] < HOUR) found = value;
  }
  return found;
}

function key(label, text, name, kind = "line") {
  return h("span", { class: `key ${name} ${kind}` }, h("i", { "aria-hidden": "true" }), `${label} `, h("b", null, text));
}

export function draw({ site, schedule, forecasts, before, series, now }) {
  const picked = view?.picked && view.site.site_id === site.site_id ? view.chosen.from : null;
  destroy();
  const zone = site.timezone;
  const slots = schedule ? slotsOf(schedule) : [];
  const nowSeconds = now.getTime() / 1000;
  const ends = [slots.at(-1)?.to / 1000, ...Object.values(forecasts).map((each) => each && grid(each, each.quantiles["0.5"].length).at(-1))];
  const furthest = Math.max(nowSeconds + 6 * HOUR, ...ends.filter(Number.isFinite));
  const range = narrow()
    ? [nowSeconds - 6 * HOUR, Math.min(furthest, nowSeconds + 24 * HOUR)]
    : [nowSeconds - 24 * HOUR, Math.min(furthest, nowSeconds + 48 * HOUR)];
  const currency = schedule?.currency ?? "EUR";
  const times = slots.map((slot) => slot.from / 1000);
  const tables = {
    price: join(
      [times, slots.map((slot) => slot.import_price_per_kwh), slots.map((slot) => slot.export_price_per_kwh)],
      [...measuredTable(series, "price_per_kwh"), measuredTable(series, "feed_in_tariff")[1]],
    ),
    battery: join([times, slots.map((slot) => slot.soc_percent)], measuredTable(series, "battery_soc_percent")),
    solar: join(expectation(before.solar, forecasts.solar), measuredTable(series, "solar_generation_kw")),
    load: join(expectation(before.load, forecasts.load), measuredTable(series, "total_load_kw")),
  };
  // what a person looks at stays chosen when the page is drawn anew; otherwise the choice follows the clock
  const kept = slots.find((slot) => slot.from === picked);
  view = { site, slots, zone, now, currency, tables, picked: Boolean(kept), chosen: kept ?? slots.find((slot) => slot.to > now.getTime()) ?? null };
  const common = { range, now: nowSeconds, zone, chosen: () => view?.chosen, onMove: moved };
  const past = { dash: [2, 3] };
  const make = (name, options) => charts.push(chart(byId(`${name}-chart`), { table: tables[name], ...common, ...options }));
  make("price", {
    values: (value) => value.toFixed(2),
    series: [
      drawn(2, color("--buy"), { paths: stepped }),
      drawn(2, color("--sell"), { paths: stepped }),
      drawn(1.5, color("--buy"), { paths: stepped, ...past }),
      drawn(1.5, color("--sell"), { paths: stepped, ...past }),
    ],
  });
  make("battery", {
    values: (value) => `${value} %`,
    low: 0,
    high: 100,
    last: true,
    under: actionStrips(slots),
    series: [drawn(2.5, color("--battery")), drawn(1.5, color("--battery"), past)],
  });
  for (const [name, ink, last] of [["solar", "--sun", false], ["load", "--home", true]]) {
    make(name, {
      values: (value) => value.toFixed(Number.isInteger(value) ? 0 : 1),
      last,
      low: 0,
      bands: [{ series: [3, 1], fill: color(`${ink}-band`) }],
      series: [drawn(0, "transparent"), drawn(2, color(ink)), drawn(0, "transparent"), drawn(1.5, color("--ink"))],
    });
  }
  legend(null);
  legendOfActions(slots);
  describeForecasts(forecasts, before, series);
  walker();
  why(view.chosen);
  byId("plan-title").textContent = schedule ? "Plan" : "Prices and battery";
}

export function destroy() {
  for (const each of charts) each.destroy();
  charts = [];
  view = null;
}

export function resize() {
  for (const each of charts) each.setSize({ width: each.root.parentElement.clientWidth, height: each.height });
}

function moved(u) {
  if (!view) return;
  const { left } = u.cursor;
  const time = left >= 0 ? u.posToVal(left, "x") : null;
  legend(time);
  if (time === null) return;
  const slot = view.slots.find((each) => each.from <= time * 1000 && time * 1000 < each.to);
  if (slot && slot !== view.chosen) choose(slot);
}

function choose(slot) {
  view.chosen = slot;
  view.picked = true;
  for (const each of charts) each.redraw(false, false);
  why(slot);
  walker();
}

function legend(time) {
  const { tables, currency, now } = view;
  const at = time ?? now.getTime() / 1000;
  const ahead = at >= now.getTime() / 1000;
  const either = (table, plan, measured) => valueAt(table, ahead ? plan : measured, at) ?? valueAt(table, ahead ? measured : plan, at);
  const band = (table) => {
    const [low, high] = [valueAt(table, 1, at), valueAt(table, 3, at)];
    return low === null ? "–" : `${low.toFixed(1)}–${kw(high)}`;
  };
  byId("price-legend").replaceChildren(
    key("Import", price(either(tables.price, 1, 3), currency), "buy"),
    key("Export", price(either(tables.price, 2, 4), currency), "sell"),
  );
  byId("battery-legend").replaceChildren(key(ahead ? "Planned charge" : "Charge", percent(either(tables.battery, 1, 2)), "battery"));
  for (const [name, ink] of [["solar", "sun"], ["load", "home"]]) {
    const table = tables[name];
    byId(`${name}-legend`).replaceChildren(
      key("Expected", kw(valueAt(table, 2, at)), ink),
      key("80 % band", band(table), ink, "area"),
      key("Measured", kw(valueAt(table, 4, at)), "ink"),
    );
  }
}

function legendOfActions(slots) {
  const used = Object.keys(ACTIONS).filter((action) => action !== "hold" && slots.some((slot) => slot.action === action));
  byId("actions-legend").replaceChildren(...used.map((action) => h("li", { class: `pill ${action}` }, ACTIONS[action].label)));
}

function describeForecasts(forecasts, before, series) {
  const parts = [];
  for (const [target, column, label] of [["solar", "solar_generation_kw", "Solar"], ["load", "total_load_kw", "Home"]]) {
    const forecast = forecasts[target];
    if (!forecast) continue;
    const held = heldShare(before[target], series, column);
    const rule = forecast.model_name.startsWith("baseline:") ? `by a simple rule (${forecast.model_name.slice(9).replaceAll("_", " ")})` : "skill not yet measured";
    const skill = forecast.skill === null ? rule : `skill ${share(forecast.skill)}`;
    parts.push(`${label}: ${skill}${held === null ? "" : `, the band held ${share(held)} of the last day`}`);
  }
  setText("forecast-note", parts.join(" · "));
}

function walker() {
  const element = byId("walker");
  const { slots, chosen, zone, now } = view;
  element.setAttribute("aria-valuemax", String(Math.max(slots.length - 1, 0)));
  element.setAttribute("aria-valuenow", String(chosen?.index ?? 0));
  element.setAttribute("aria-valuetext", chosen ? `${moment(new Date(chosen.from), zone, now)}, ${ACTIONS[chosen.action].label}. ${chosen.reason.text}` : "no plan");
  element.textContent = slots.length ? "Point, tap, or walk with ← →" : "";
}

export function onKey(event) {
  if (!view?.slots.length) return;
  const { slots, chosen } = view;
  const perHour = Math.max(1, Math.round(3600000 / (slots[0].to - slots[0].from)));
  const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: perHour, PageDown: -perHour, Home: -slots.length, End: slots.length };
  const move = moves[event.key];
  if (move === undefined) return;
  event.preventDefault();
  const slot = slots[Math.min(Math.max((chosen?.index ?? 0) + move, 0), slots.length - 1)];
  choose(slot);
  legend(slot.from / 1000);
}

function why(slot) {
  const host = byId("why");
  if (!slot) {
    host.replaceChildren(h("h3", { id: "why-title" }, "Why"), h("p", { class: "quiet" }, "There is no plan yet."));
    return;
  }
  const { zone, now, currency } = view;
  const power = slot.charge_kw - slot.discharge_kw;
  const flow = slot.grid_import_kw - slot.grid_export_kw;
  const { reason } = slot;
  const facts = [
    ["Battery", `${power > 0.005 ? "charges" : power < -0.005 ? "discharges" : "idle"} ${Math.abs(power) > 0.005 ? kw(Math.abs(power)) : ""}, then ${percent(slot.soc_percent)}`],
    ["Grid", Math.abs(flow) < 0.005 ? "nothing" : `${flow > 0 ? "import" : "export"} ${kw(Math.abs(flow))}`],
    ["Solar and home", `${kw(slot.solar_kw)} and ${kw(slot.load_kw)}`],
    ["Price", `${price(slot.import_price_per_kwh, currency)} in, ${price(slot.export_price_per_kwh, currency)} out`],
    ["A stored kWh is worth", price(reason.marginal_value_per_kwh, currency).replace("/kWh", "")],
    reason.runner_up ? ["Second best", `${ACTIONS[reason.runner_up].label.toLowerCase()}${reason.runner_up_extra_cost === null ? "" : `, ${dearer(reason.runner_up_extra_cost, currency)}`}`] : null,
    reason.binding ? ["Limit", bindingText(reason.binding)] : null,
  ].filter(Boolean);
  const from = new Date(slot.from);
  host.replaceChildren(
    h("p", { class: "eyebrow" }, "Why"),
    h("h3", { id: "why-title" }, `${moment(from, zone, now)}–${both(new Date(slot.to), zone)}`),
    h("p", null, h("span", { class: `pill ${slot.action}` }, ACTIONS[slot.action].label)),
    h("p", { class: "reason" }, reason.text),
    h("dl", null, facts.map(([term, text]) => h("div", null, h("dt", null, term), h("dd", null, text)))),
    sameClock(zone) ? "" : h("p", { class: "quiet small" }, `Times in ${city(zone)}; yours is ${city(browserZone)}.`),
  );
}

function dearer(extra, currency) {
  return extra < 0.005 ? "costs about the same" : `costs ${money(extra, currency)} more`;
}

export const spanOf = (schedule) => duration(milliseconds(schedule.resolution) * schedule.slots.length);
