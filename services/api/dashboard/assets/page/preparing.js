// What is there and what is still being prepared, in plain words.

import { h } from "./dom.js";

const count = new Intl.NumberFormat();

export function steps(status, schedule) {
  const step = (name) => status.steps.find((each) => each.step === name);
  const targets = Object.keys(status.forecasts_issued_at);
  return [
    {
      done: status.readings_count > 0,
      title: "Readings",
      text: status.readings_count ? `${count.format(status.readings_count)} stored` : "waiting for the first one from the gateway",
      error: step("sync")?.last_error,
    },
    { done: status.has_tariff, title: "Tariff", text: status.has_tariff ? "known" : "not set yet; without prices there is nothing to plan by" },
    {
      done: Boolean(step("features")?.rows) || targets.length > 0,
      title: "Learning",
      text: step("features")?.rows ? `${count.format(step("features").rows)} steps of history understood` : "turning readings into history to learn from",
      error: step("features")?.last_error,
    },
    {
      done: targets.includes("load"),
      title: "Forecast",
      text: targets.length ? `made for ${targets.join(", ")}` : "the next two days, once there is some history",
      error: step("forecast")?.last_error,
    },
    { done: Boolean(schedule), title: "Plan", text: schedule ? "made" : "when to store, use, buy and sell, right after the forecast" },
  ];
}

export function list(found) {
  const current = found.findIndex((step) => !step.done);
  return found.map((step, index) =>
    h(
      "li",
      { class: step.done ? "done" : index === current ? "current" : "waiting" },
      h("b", null, step.title),
      h("span", null, step.text),
      step.error ? h("span", { class: "error" }, step.error) : null,
    ),
  );
}
