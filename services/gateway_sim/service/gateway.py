"""What a gateway does: announce its site and prices, record readings without gaps, follow a schedule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from services.gateway_sim.plant.battery import BatteryState
from services.gateway_sim.plant.columns import no_readings
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.grid_price import known_until, price_list, whole_days
from services.gateway_sim.plant.home import grid_after, pieces, simulate, state_after
from shared.domain.errors import InvalidValueError
from shared.domain.schedule import Schedule
from shared.domain.site import EvSpec, Site
from shared.domain.tariff import DemandCharge, DynamicPrice, FlatPrice, Tariff
from shared.domain.time import EPOCH, Interval, TimeGrid
from shared.ports.edge_store import EdgeAnnouncements, EdgeStore

PIECE = timedelta(days=3)
"""Simulated and written at once: little to lose, little overhead."""
LONGEST_SILENCE = timedelta(days=1)
"""What a single measurement lives through unseen to know its battery."""
MOST_STEPS_READ = 20_000
"""Of this week's readings, to know its battery's open cycles: a week at intervals down to 30 seconds."""

_INSTANT = timedelta(microseconds=1)
_TELLABLE_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written: how many rows, and the newest of them (at most one piece and 1,000; a sweep carries the rest)."""

    rows: int
    readings: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Price rows announced, and the end of what is known now."""

    prices: int
    known_until: datetime


class GatewayService:
    """One simulated home at its edge store. `step` is the interval of its readings."""

    def __init__(self, *, home: Home, step: timedelta, edge: EdgeStore, announcements: EdgeAnnouncements) -> None:
        if step <= timedelta(0):
            raise InvalidValueError("interval", str(step), "must be longer than zero")
        self.home = home
        self.step = step
        self._edge = edge
        self._announcements = announcements
        self._schedule: Schedule | None = None
        self._announced_until: datetime | None = None
        self._due: datetime | None = None
        self._lived: tuple[datetime, datetime, BatteryState | None] | None = None
        """The newest reading this process wrote, the end of its step, and the battery then."""

    @property
    def series_id(self) -> str:
        """The name of the supplier's price series for this site."""
        return f"{self.home.site_id}.import"

    def announce(self, *, now: datetime) -> Announced:
        """Tell what the site is, once, and the prices from today's midnight to the end of what the supplier has published."""
        until = known_until(self.home, now)
        if self._announced_until is not None and until <= self._announced_until:
            return Announced(prices=0, known_until=until)
        if self._announced_until is None:
            self._announcements.announce_site(site_of(self.home), tariff_of(self.home, self.series_id))
        rows = self._announce_prices(Interval(start=whole_days(self.home, Interval(start=now, end=now + _INSTANT)).start, end=until))
        self._announced_until = until
        return Announced(prices=rows, known_until=until)

    def record(self, *, now: datetime, origin: datetime = EPOCH) -> Recorded:
        """Every reading due by now and not yet in the store: stamps are `origin + k x step`; the first ever is the newest due.

        A gap since the newest stored reading is filled, so a process that slept or was stopped leaves none.
        """
        self.announce(now=now)
        if self._due is not None and now < self._due:
            return Recorded(rows=0, readings=no_readings().frame())
        newest = self._newest()
        begin = now - self.step if newest is None else _moment(newest)
        interval = Interval(start=min(begin, now) + _INSTANT, end=now + _INSTANT)
        grid = grid_after(interval, step=self.step, origin=origin)
        if grid.count > 1:
            self._announce_prices(whole_days(self.home, interval))
        done = self._run(grid, newest)
        self._due = max(grid.end, now)
        return done

    def measure(self, *, now: datetime) -> Recorded:
        """One reading at exactly now, stored. What the battery did since the newest reading is lived through, not written."""
        self.announce(now=now)
        newest = self._newest()
        if newest is None or _moment(newest) > now:
            return self._run(TimeGrid(start=now, step=self.step, count=1), newest)
        if _moment(newest) == now:
            return Recorded(rows=0, readings=pd.DataFrame([dict(newest)]))
        silent = min(LONGEST_SILENCE // self.step, -(-(now - _moment(newest)) // self.step) - 1)
        begin = now - silent * self.step
        state = self._state_at(begin, newest)
        if silent:
            state = simulate(self.home, TimeGrid(start=begin, step=self.step, count=silent), state=state, schedule=self._schedule).state
        done = simulate(self.home, TimeGrid(start=now, step=self.step, count=1), state=state, schedule=self._schedule)
        return Recorded(rows=self._edge.write(done.readings), readings=done.readings)

    def missing(self, interval: Interval, *, origin: datetime = EPOCH) -> int:
        """How many readings `backfill` would write."""
        return sum(grid.count for grid in self._gaps(interval, origin))

    def backfill(self, interval: Interval, *, origin: datetime = EPOCH, progress: Callable[[int], None] = lambda _rows: None) -> Recorded:
        """Simulate and store what the interval lacks before the oldest and after the newest stored reading.

        Written in pieces, each whole; the battery goes on from the newest reading. Prices of the interval's local days
        are announced as they were published then. `progress` is called with the rows of each piece.
        """
        if interval.duration > timedelta(0):
            self._announce_prices(whole_days(self.home, interval))
        before, after = self._gaps(interval, origin)
        early = self._run(before, None, progress=progress)
        late = self._run(after, self._newest() if after.count else None, progress=progress)
        return Recorded(rows=early.rows + late.rows, readings=late.readings if late.rows else early.readings)

    def follow(self, schedule: Schedule) -> bool:
        """Act by this schedule from now on, until it ends or a newer one comes; False when it is not newer."""
        if schedule.site_id != self.home.site_id:
            raise InvalidValueError("schedule", schedule.schedule_id, f"is for another site than {self.home.site_id}")
        if self._schedule is not None and schedule.issued_at <= self._schedule.issued_at:
            return False
        self._schedule = schedule
        return True

    def _gaps(self, interval: Interval, origin: datetime) -> tuple[TimeGrid, TimeGrid]:
        """What is missing before the stored readings, and after them."""
        stored = [e for e in self._edge.extents() if (e.site_id, e.device_id) == (self.home.site_id, self.home.device_id)]
        first = min([interval.end, *(extent.first for extent in stored)])
        last = max([interval.start - _INSTANT, *(extent.last for extent in stored)])
        before = Interval(start=interval.start, end=max(interval.start, first))
        begin = last + _INSTANT if stored else interval.end
        after = Interval(start=begin, end=max(begin, interval.end))
        return grid_after(before, step=self.step, origin=origin), grid_after(after, step=self.step, origin=origin)

    def _run(self, grid: TimeGrid, newest: Mapping[str, object] | None, *, progress: Callable[[int], None] | None = None) -> Recorded:
        """Simulate a grid that follows the newest reading, piece by piece, each written before the next begins."""
        state = self._state_at(grid.start, newest) if newest is not None and grid.count else None
        rows, told = 0, no_readings().frame()
        for piece in pieces(grid, PIECE):
            done = simulate(self.home, piece, state=state, schedule=self._schedule)
            state = done.state
            rows += self._edge.write(done.readings)
            self._lived = (piece.end - piece.step, piece.end, state)
            told = done.readings.iloc[-_TELLABLE_ROWS:]
            if progress is not None:
                progress(piece.count)
        return Recorded(rows=rows, readings=told)

    def _newest(self) -> Mapping[str, object] | None:
        """The newest reading of this device."""
        rows = self._edge.latest(site_id=self.home.site_id)
        mine = rows[rows["device_id"] == self.home.device_id]
        return None if mine.empty else {str(name): value for name, value in mine.iloc[-1].items()}

    def _state_at(self, moment: datetime, newest: Mapping[str, object]) -> BatteryState | None:
        """The battery at a moment after the newest reading: it acted for at most one step, then it rested."""
        if self._lived is not None and self._lived[:2] == (_moment(newest), moment):
            return self._lived[2]
        step = max(_INSTANT, min(self.step, moment - _moment(newest)))
        return state_after(self.home, self._week(newest), step=step, schedule=self._schedule)

    def _week(self, newest: Mapping[str, object]) -> pd.DataFrame:
        """This device's readings from Monday 00:00 UTC to the newest; the last of them alone where there are very many."""
        last = _moment(newest)
        since_monday = (last - EPOCH + timedelta(days=3)) % timedelta(days=7)  # 1970-01-01 was a Thursday
        back = since_monday if since_monday // self.step <= MOST_STEPS_READ else MOST_STEPS_READ * self.step
        interval = Interval(start=last - back, end=last + _INSTANT)
        rows = self._edge.read(site_id=self.home.site_id, interval=interval, limit=10 * MOST_STEPS_READ)
        mine = rows[rows["device_id"] == self.home.device_id]
        whole = not mine.empty and mine["timestamp"].iloc[-1] == newest["timestamp"]
        return mine if whole else pd.DataFrame([dict(newest)])

    def _announce_prices(self, interval: Interval) -> int:
        prices = price_list(self.home, interval)
        frame = pd.DataFrame(
            {
                "timestamp": pd.DatetimeIndex(prices.timestamp).tz_localize("UTC"),
                "price_per_kwh": prices.price_per_kwh,
                "published_at": pd.DatetimeIndex(prices.published_at).tz_localize("UTC"),
            }
        )
        return self._announcements.announce_prices(self.series_id, frame)


def site_of(home: Home) -> Site:
    """The home as the platform knows it."""
    return Site(
        site_id=home.site_id,
        name="Simulated home",
        timezone=home.timezone,
        latitude=home.latitude,
        longitude=home.longitude,
        battery=home.battery.spec if home.battery else None,
        solar=home.solar.spec if home.solar.spec.capacity_kw > 0.0 else None,
        ev=EvSpec(max_charge_rate_kw=home.household.ev_charging_kw) if home.household.has_ev else None,
        simulated=True,
    )


def tariff_of(home: Home, series_id: str) -> Tariff:
    """Import by the announced series, feed-in flat; a demand charge only for a home whose configuration names one."""
    supplier = home.supplier
    return Tariff(
        currency=supplier.currency,
        timezone=home.timezone,
        import_price=DynamicPrice(series_id=series_id),
        export_price=FlatPrice(price_per_kwh=supplier.base_feed_in_tariff),
        demand_charge=DemandCharge(price_per_kw=supplier.demand_charge) if supplier.bills_demand else None,
    )


def _moment(reading: Mapping[str, object]) -> datetime:
    return pd.Timestamp(str(reading["timestamp"])).to_pydatetime()
