// What a schedule means in words: stretches of one action, the sentence on top, the list of next steps.

import { clock, duration, milliseconds, moment, money } from "./format.js";

export const ACTIONS = {
  store: { label: "Store solar", now: "Storing solar", next: "storing solar" },
  buy: { label: "Buy from the grid", now: "Buying from the grid", next: "buying from the grid" },
  sell: { label: "Sell", now: "Selling", next: "selling" },
  use: { label: "Use the battery", now: "Running on the battery", next: "running on the battery" },
  hold: { label: "Hold", now: "Holding", next: "holding" },
};
const NEGLIGIBLE_KWH = 0.05;

export function slotsOf(schedule) {
  const step = milliseconds(schedule.resolution);
  const first = Date.parse(schedule.start);
  return schedule.slots.map((slot, index) => ({ ...slot, index, from: first + index * step, to: first + (index + 1) * step }));
}

// Consecutive slots of one action, from `now` on, with their energy through the battery.
export function stretches(slots, now) {
  const found = [];
  for (const slot of slots) {
    if (slot.to <= now) continue;
    const last = found.at(-1);
    const hours = (slot.to - Math.max(slot.from, now)) / 3600000;
    const energy = (slot.charge_kw + slot.discharge_kw) * hours;
    if (last?.action === slot.action) {
      last.to = slot.to;
      last.energy += energy;
      last.cost += slot.cost;
      last.soc = slot.soc_percent;
    } else {
      found.push({ action: slot.action, from: slot.from, to: slot.to, energy, cost: slot.cost, soc: slot.soc_percent, slot });
    }
  }
  return found;
}

const matters = (stretch) => stretch.action !== "hold" && stretch.energy > NEGLIGIBLE_KWH;

function until(stretch, zone, now) {
  return moment(new Date(stretch.to), zone, now);
}

function span(stretch, zone, now) {
  return `${moment(new Date(stretch.from), zone, now)}–${clock(new Date(stretch.to), zone)}`;
}

// "Storing solar until 14:30, then selling 18:00–20:15."
export function sentence(schedule, zone, now) {
  if (Date.parse(schedule.expires_at) <= now) {
    return "This plan has run out: the battery follows its safe default, self-consumption, until there is a new one.";
  }
  const all = stretches(slotsOf(schedule), now.getTime());
  if (!all.length) return "This plan has ended; a new one is being made.";
  const [first, ...rest] = all;
  const next = rest.find(matters);
  const then = next ? `${ACTIONS[next.action].next} ${span(next, zone, now)}` : null;
  if (matters(first) || !then) {
    const head = `${ACTIONS[first.action].now} until ${until(first, zone, now)}`;
    return then ? `${head}, then ${then}.` : `${head}.`;
  }
  return `Holding; next ${then}.`;
}

// What the plan is worth against the self-consumption rule.
export function gain(schedule) {
  if (schedule.baseline_cost === null) return "";
  const saved = schedule.baseline_cost - schedule.cost.total;
  const span_ = duration(milliseconds(schedule.resolution) * schedule.slots.length);
  if (saved < 0.005) return `As good as self-consumption over the next ${span_}: nothing more can be gained.`;
  return `Saves ${money(saved, schedule.currency)} over the next ${span_} against self-consumption.`;
}

// The stretches worth listing, at most `count`.
export const agenda = (schedule, now, count) =>
  stretches(slotsOf(schedule), now.getTime())
    .filter((stretch, index) => index === 0 || matters(stretch))
    .slice(0, count);

const BINDING = {
  min_soc: "the battery is at its reserve",
  max_soc: "the battery is full",
  charge_rate: "the battery cannot charge faster",
  discharge_rate: "the battery cannot discharge faster",
  max_import: "the grid connection allows no more import",
  max_export: "the grid connection allows no more export",
};

export const bindingText = (name) => (name ? (BINDING[name] ?? name.replaceAll("_", " ")) : null);
