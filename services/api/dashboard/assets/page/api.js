// The one place that talks to the API, by the same public endpoints as everyone.

const TIMEOUT_MS = 12000;

// The API answered with a problem (RFC 9457).
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body.code ?? "";
  }
}

// Nobody answered.
export class Unreachable extends Error {}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Unreachable(path);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return { status: response.status, body, retryAfter: Number(response.headers.get("Retry-After")) || 0 };
}

const get = async (path, query) => {
  const text = query ? `?${new URLSearchParams(query)}` : "";
  return (await ask(path + text)).body;
};

// What is not there yet is null; every other problem is thrown.
const maybe = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
};

const of = (siteId) => `/v1/sites/${encodeURIComponent(siteId)}`;

export const sites = async () => (await get("/v1/sites")).items;
export const alive = () => get("/health/live");
export const status = (siteId) => get(`${of(siteId)}/status`);
export const latestReadings = async (siteId) => (await get(`${of(siteId)}/readings/latest`)).items;
export const series = (siteId, query) => get(`${of(siteId)}/readings/series`, query);
export const forecast = (siteId, target) => maybe(get(`${of(siteId)}/forecasts/latest`, { target }));
export const forecastAsOf = (siteId, target, asOf) => maybe(get(`${of(siteId)}/forecasts`, { target, as_of: asOf }));
export const schedule = (siteId) => maybe(get(`${of(siteId)}/schedules/latest`));
export const savings = (siteId) => maybe(get(`${of(siteId)}/savings`));
export const planNow = (siteId) => ask(`${of(siteId)}/schedules`, { method: "POST" });
