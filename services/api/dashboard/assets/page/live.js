// Live announcements. The browser reconnects by itself after a cut; after a refusal we do.

const TYPES = ["sync.window.completed.v1", "forecast.run.published.v1", "schedule.run.published.v1", "model.training.completed.v1"];
const AGAIN_MS = 5000;

// Calls `on.open`, `on.lost` and `on.event(type, body)`.
export function listen(on) {
  const source = new EventSource("/v1/events");
  source.onopen = () => on.open();
  source.onerror = () => {
    on.lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(on), AGAIN_MS);
  };
  for (const type of TYPES) source.addEventListener(type, (message) => on.event(type, JSON.parse(message.data)));
  addEventListener("pagehide", () => source.close(), { once: true });
}
