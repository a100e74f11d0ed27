// The page of one home: what is known, when it is asked again, what it looks like in every state.

import * as api from "./api.js";
import { byId, h, setText, show } from "./dom.js";
import { diagram, measured } from "./flows.js";
import { both, browserZone, city, clock, date, duration, kwh, moment, percent, sameClock } from "./format.js";
import { listen } from "./live.js";
import { ACTIONS, agenda, gain, sentence } from "./plan.js";
import * as preparing from "./preparing.js";
import * as savings from "./savings.js";
import * as timeline from "./timeline.js";

const POLL_MS = 60000;
const PREPARING_POLL_MS = 5000;
const AGAIN_MS = 2500;
const STALE_MS = 30 * 60000;
const SERIES = "total_load_kw,solar_generation_kw,battery_soc_percent,price_per_kwh,feed_in_tariff";

const state = { sites: [], siteId: null, known: null, offlineSince: null, timer: 0, round: 0, message: null };

const chosenSite = () => state.sites.find((site) => site.site_id === state.siteId);
// The home's time: it goes on between two answers, unless it stands at the end of imported data.
function siteNow(known) {
  const told = Date.parse(known.status.now);
  return new Date(known.status.time_stands ? told : told + (Date.now() - known.heardAt));
}

async function load(siteId) {
  const status = await api.status(siteId);
  const heardAt = Date.now();
  const dayAgo = new Date(Date.parse(status.now) - 24 * 3600000).toISOString();
  const [readings, schedule, solar, demand, solarBefore, loadBefore, report, series] = await Promise.all([
    api.latestReadings(siteId),
    api.schedule(siteId),
    api.forecast(siteId, "solar"),
    api.forecast(siteId, "load"),
    api.forecastAsOf(siteId, "solar", dayAgo),
    api.forecastAsOf(siteId, "load", dayAgo),
    api.savings(siteId),
    status.readings_count ? api.series(siteId, { start: dayAgo, end: status.now, columns: SERIES }) : null,
  ]);
  return { status, heardAt, readings, schedule, forecasts: { solar, load: demand }, before: { solar: solarBefore, load: loadBefore }, report, series };
}

async function refresh() {
  clearTimeout(state.timer);
  state.round += 1;
  const { round } = state;
  try {
    state.sites = await api.sites();
    if (!chosenSite()) state.siteId = state.sites[0]?.site_id ?? null;
    chooser();
    const known = state.siteId ? await load(state.siteId) : null;
    if (round !== state.round) return; // a later question has been asked meanwhile
    state.known = known;
    state.offlineSince = null;
    render();
    askAgainIn(known?.schedule ? POLL_MS : PREPARING_POLL_MS);
  } catch (error) {
    if (round !== state.round) return;
    if (error instanceof api.Problem && error.status < 500) {
      state.message = { kind: "warn", text: error.message };
      banners();
      askAgainIn(POLL_MS);
    } else {
      lost();
    }
  }
}

function askAgainIn(milliseconds) {
  clearTimeout(state.timer);
  state.timer = setTimeout(refresh, milliseconds);
}

// Nobody answers: say so, keep what was known, come back by itself.
function lost() {
  state.offlineSince ??= new Date();
  pulse("lost", "No connection");
  banners();
  clearTimeout(state.timer);
  state.timer = setTimeout(async () => {
    try {
      await api.alive();
      await refresh();
    } catch {
      lost();
    }
  }, AGAIN_MS);
}

function pulse(kind, text) {
  byId("pulse").dataset.state = kind;
  setText("pulse-text", text);
}

function chooser() {
  const select = byId("sites");
  show(byId("chooser"), state.sites.length > 1);
  const wanted = state.sites.map((site) => site.site_id).join("\n");
  if (select.dataset.sites !== wanted) {
    select.dataset.sites = wanted;
    select.replaceChildren(...state.sites.map((site) => h("option", { value: site.site_id }, site.name || site.site_id)));
  }
  select.value = state.siteId ?? "";
  const site = chosenSite();
  setText("home-name", site ? site.name || site.site_id : "Home energy");
}

function banner(kind, ...text) {
  return h("p", { class: `banner ${kind}` }, ...text);
}

function banners() {
  const found = [];
  const { known, offlineSince, message } = state;
  const site = chosenSite();
  if (offlineSince) {
    const since = clock(offlineSince, browserZone);
    found.push(banner("bad", h("b", null, "The service does not answer. "), known ? `This is what was known at ${since}; it comes back by itself.` : "This page goes on by itself once it does."));
  }
  if (message) found.push(banner(message.kind, message.text));
  if (known && site) {
    const { status, schedule } = known;
    if (status.time_stands) {
      const end = new Date(status.now);
      found.push(banner("calm", h("b", null, "Imported history. "), `Time stands at ${date(end, site.timezone)}, ${clock(end, site.timezone)}, the end of its data.`));
    }
    const newest = measured(known.readings).at;
    const silence = newest === null ? 0 : siteNow(known).getTime() - newest;
    if (!status.time_stands && silence > STALE_MS) found.push(banner("warn", h("b", null, "The gateway is silent. "), `Its newest reading is ${duration(silence)} old.`));
    const degraded = [...new Set([...(schedule?.degraded ?? []), ...Object.values(known.forecasts).flatMap((each) => each?.degraded ?? [])])];
    if (degraded.length) found.push(banner("warn", h("b", null, "Planned with less than usual. "), degraded.join("; ")));
    for (const item of schedule?.relaxed_constraints ?? []) {
      found.push(banner("warn", h("b", null, "A limit cannot be kept. "), `${item.name.replaceAll("_", " ")}: ${item.amount.toFixed(2)} ${item.unit} at ${moment(new Date(item.at), site.timezone, siteNow(known))}.`));
    }
    if (status.readings_refused) found.push(banner("calm", `${status.readings_refused} readings were refused and kept aside; they do not count.`));
  }
  byId("banners").replaceChildren(...found);
}

function render() {
  const { known } = state;
  const site = chosenSite();
  banners();
  byId("sentence").classList.remove("loading");
  if (!known || !site) {
    pulse("live", "Live");
    setText("sentence", "There is no home here yet.");
    setText("gain", "Import one with “der import FILE --site home”, simulate one with “der run”, or create it with the REST API.");
    show(byId("evidence"), false);
    show(byId("preparing"), false);
    timeline.destroy();
    return;
  }
  const now = siteNow(known);
  const zone = site.timezone;
  answer(known, site, now);
  const anything = known.status.readings_count > 0 || known.schedule;
  const complete = known.schedule && known.forecasts.load;
  show(byId("preparing"), !complete);
  if (!complete) byId("preparing-steps").replaceChildren(...preparing.list(preparing.steps(known.status, known.schedule)));
  show(byId("evidence"), Boolean(anything));
  if (anything) {
    nowPanel(known, zone, now);
    agendaPanel(known, zone, now);
    timeline.draw({ site, schedule: known.schedule, forecasts: known.forecasts, before: known.before, series: known.series, now });
    savingsPanel(known.report, zone);
  }
  pulse("live", known.status.time_stands ? "History" : `Live · ${both(now, zone)}`);
  setText("zones", sameClock(zone, now) ? `Times in ${city(zone)}` : `Times in ${city(zone)}: ${clock(now, zone)} there is ${clock(now, browserZone)} for you`);
}

function answer(known, site, now) {
  const { schedule } = known;
  show(byId("plan-now"), Boolean(schedule));
  if (!schedule) {
    setText("sentence", known.status.readings_count ? "The first plan is being made." : "Waiting for the first readings of this home.");
    setText("gain", site.battery ? "It appears here by itself." : "This home has no battery yet; add one to plan for it.");
    setText("answer-note", "");
    return;
  }
  setText("sentence", sentence(schedule, site.timezone, now));
  setText("gain", gain(schedule));
  const issued = new Date(schedule.issued_at);
  const sure = { optimal: "proven best for this forecast", feasible_gap: "close to the best", degraded: "made with less than usual", infeasible: "not every limit can be kept", failed: "failed" };
  setText("answer-note", `Planned ${moment(issued, site.timezone, now)}, ${sure[schedule.status] ?? schedule.status}, good until ${moment(new Date(schedule.expires_at), site.timezone, now)}.`);
}

function nowPanel(known, zone, now) {
  const values = measured(known.readings);
  setText("now-when", values.at === null ? "nothing measured yet" : `measured ${moment(new Date(values.at), zone, now)}`);
  byId("flows").replaceChildren(diagram(values));
}

function agendaPanel(known, zone, now) {
  const host = byId("agenda");
  if (!known.schedule) {
    setText("agenda-when", "");
    host.replaceChildren(h("li", { class: "quiet" }, "Nothing is planned yet."));
    return;
  }
  const found = agenda(known.schedule, now, 7);
  setText("agenda-when", `of ${timeline.spanOf(known.schedule)}`);
  host.replaceChildren(
    ...found.map((item, index) =>
      h(
        "li",
        { class: item.action },
        h("span", { class: "swatch", "aria-hidden": "true" }),
        h("span", { class: "when" }, index === 0 && item.from <= now.getTime() ? `Now–${clock(new Date(item.to), zone)}` : `${moment(new Date(item.from), zone, now)}–${clock(new Date(item.to), zone)}`),
        h("b", null, ACTIONS[item.action].label),
        h("span", { class: "quiet" }, item.action === "hold" ? `stays near ${percent(item.soc)}` : `${kwh(item.energy)}, then ${percent(item.soc)}`),
      ),
    ),
  );
}

function savingsPanel(report, zone) {
  if (!report) {
    setText("savings-when", "");
    byId("savings-body").replaceChildren(h("p", { class: "quiet" }, "Replayed once there is a week of history; the first replay takes about a minute."));
    return;
  }
  setText("savings-when", savings.period(report, zone));
  byId("savings-body").replaceChildren(...savings.panel(report).filter(Boolean));
}

async function planNow() {
  const button = byId("plan-now");
  button.disabled = true;
  button.textContent = "Planning …";
  try {
    const { status, retryAfter } = await api.planNow(state.siteId);
    state.message = null;
    if (status === 202) setTimeout(refresh, retryAfter * 1000);
  } catch (error) {
    state.message = error instanceof api.Problem ? { kind: "warn", text: error.message } : null;
    if (!(error instanceof api.Problem)) lost();
  }
  button.disabled = false;
  button.textContent = "Plan again now";
  await refresh();
}

function start() {
  const wanted = new URLSearchParams(location.search).get("site");
  state.siteId = wanted;
  byId("sites").addEventListener("change", (event) => {
    state.siteId = event.target.value;
    history.replaceState(null, "", `?${new URLSearchParams({ site: state.siteId })}`);
    refresh();
  });
  byId("plan-now").addEventListener("click", planNow);
  byId("walker").addEventListener("keydown", timeline.onKey);
  let soon = 0;
  listen({
    open: () => { if (state.offlineSince) refresh(); },
    lost: () => { if (!state.offlineSince) refresh(); },
    event: (_, body) => {
      if (body.site_id !== state.siteId) return;
      clearTimeout(soon);
      soon = setTimeout(refresh, 400);
    },
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
  matchMedia("(max-width: 640px)").addEventListener("change", render);
  let resizing = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(resizing);
    resizing = requestAnimationFrame(timeline.resize);
  }).observe(byId("price-chart"));
  addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") refresh(); });
  refresh();
}

start();
