// Numbers, money and times for people: the browser's locale, the home's zone.

const memo = new Map();
const formatter = (kind, locale, options) => {
  const key = JSON.stringify([kind.name, options]);
  if (!memo.has(key)) memo.set(key, new kind(locale, options));
  return memo.get(key);
};
const number = (digits) => formatter(Intl.NumberFormat, undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const given = (value) => value !== null && value !== undefined && Number.isFinite(value);

export const kw = (value) => (given(value) ? `${number(Math.abs(value) < 10 ? 1 : 0).format(Math.abs(value) < 0.05 ? 0 : value)} kW` : "–");
export const kwh = (value) => (given(value) ? `${number(1).format(value)} kWh` : "–");
export const percent = (value) => (given(value) ? `${number(0).format(value)} %` : "–");
export const share = (value) => (given(value) ? percent(value * 100) : "–");

export function money(value, currency) {
  if (!given(value)) return "–";
  return formatter(Intl.NumberFormat, undefined, { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(value);
}

export function price(value, currency) {
  if (!given(value)) return "–";
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol", minimumFractionDigits: 2, maximumFractionDigits: 3 };
  return `${formatter(Intl.NumberFormat, undefined, options).format(value)}/kWh`;
}

export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const offsetText = (at, zone) =>
  new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(at).find((part) => part.type === "timeZoneName").value;

export const sameClock = (zone, at = new Date()) => offsetText(at, zone) === offsetText(at, browserZone);

export const clock = (at, zone) =>
  formatter(Intl.DateTimeFormat, undefined, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
export const weekday = (at, zone) => formatter(Intl.DateTimeFormat, undefined, { timeZone: zone, weekday: "short" }).format(at);
export const date = (at, zone) => formatter(Intl.DateTimeFormat, undefined, { timeZone: zone, day: "numeric", month: "short", year: "numeric" }).format(at);
const dayKey = (at, zone) => formatter(Intl.DateTimeFormat, "en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);

// "18:00" today, "tomorrow 06:00", "Tue 06:00" later or before.
export function moment(at, zone, now) {
  const days = Math.round((Date.parse(dayKey(at, zone)) - Date.parse(dayKey(now, zone))) / 86400000);
  if (days === 0) return clock(at, zone);
  if (days === 1) return `tomorrow ${clock(at, zone)}`;
  return `${weekday(at, zone)} ${clock(at, zone)}`;
}

// The home's time, and the reader's beside it where they differ.
export const both = (at, zone) => (sameClock(zone, at) ? clock(at, zone) : `${clock(at, zone)} (${clock(at, browserZone)} yours)`);

export const city = (zone) => zone.split("/").pop().replaceAll("_", " ");

export function duration(milliseconds) {
  const minutes = Math.round(milliseconds / 60000);
  if (minutes < 60) return `${minutes} min`;
  const hours = minutes / 60;
  if (hours < 48) return `${number(Number.isInteger(hours) ? 0 : 1).format(hours)} h`;
  return `${number(0).format(hours / 24)} days`;
}

const RESOLUTION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

// An ISO 8601 duration in milliseconds.
export function milliseconds(text) {
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = RESOLUTION.exec(text);
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
