// The bills of several policies on the home's own history.

import { h } from "./dom.js";
import { date, money, share } from "./format.js";

const POLICIES = {
  no_battery: ["No battery", "the home and its solar alone"],
  self_consumption: ["Self-consumption", "stores every surplus, covers every deficit"],
  time_of_use_timer: ["Timer", "charges and discharges at fixed hours"],
  planned: ["Planned", "what this platform decides"],
  perfect_foresight: ["Perfect foresight", "the best that anyone could have done"],
};
const label = (policy) => POLICIES[policy] ?? [policy.replaceAll("_", " "), ""];

export function period(report, zone) {
  return `${date(new Date(report.start), zone)} – ${date(new Date(Date.parse(report.end) - 1), zone)}`;
}

export function panel(report) {
  const { currency } = report;
  const bill = (policy) => report.bills.find((each) => each.policy === policy);
  const [planned, none, rule] = ["planned", "no_battery", "self_consumption"].map(bill);
  const scale = Math.max(...report.bills.map((each) => Math.abs(each.total)), 0.01);
  const hasCredit = report.bills.some((each) => each.total < 0);
  return [
    planned && none
      ? h(
          "div",
          { class: "totals" },
          total(money(none.total - planned.total, currency), "saved against no battery"),
          rule ? total(money(rule.total - planned.total, currency), "saved against self-consumption") : null,
          planned.captured_share === null ? null : total(share(planned.captured_share), "of what perfect foresight could save"),
        )
      : null,
    h(
      "table",
      { class: "bills" },
      h("caption", { class: "quiet" }, hasCredit ? "Bill with battery wear, by policy; to the left is money earned" : "Bill with battery wear, by policy"),
      h("thead", { class: "visually-hidden" }, h("tr", null, ["Policy", "Share", "Bill"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, report.bills.map((each) => row(each, scale, currency, hasCredit))),
    ),
    h(
      "p",
      { class: "quiet small" },
      `Replayed on measured data with the same tariff and battery; ${share(report.coverage)} of the steps are measured. ` +
        "What is left in the battery is valued, so the bills compare.",
      report.notes.map((note) => ` ${note}`),
    ),
  ];
}

const total = (figure, text) => h("p", null, h("b", null, figure), h("span", null, text));

function row(bill, scale, currency, hasCredit) {
  const [name, meaning] = label(bill.policy);
  const bar = h("span", { class: `bar ${bill.policy}` });
  const width = (Math.abs(bill.total) / scale) * (hasCredit ? 50 : 100);
  bar.style.setProperty("inline-size", `${width.toFixed(1)}%`);
  if (hasCredit) bar.style.setProperty("margin-inline-start", bill.total < 0 ? `${(50 - width).toFixed(1)}%` : "50%");
  return h(
    "tr",
    { class: bill.policy === "planned" ? "chosen" : null },
    h("th", { scope: "row" }, name, h("small", null, meaning)),
    h("td", { class: "track" }, bar),
    h("td", { class: "sum" }, money(bill.total, currency)),
  );
}
