"""`SiteStore` and `TariffStore`."""

from datetime import time, timedelta

import pytest

from shared.domain.job import Job, JobKind
from shared.domain.site import EvSpec, GridConnection
from shared.domain.tariff import DemandCharge, DynamicPrice, TimeOfUsePrice, TouPeriod
from shared.domain.time import Interval
from shared.ports.errors import LeaseLostError, NotFoundError
from shared.ports.fence import fenced
from shared.ports.progress_store import Progress
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.contract.test_feature_store import a_catalog, rows_of
from tests.contract.test_forecast_store import a_forecast
from tests.contract.test_quarantine_store import refused
from tests.contract.test_savings_store import a_report
from tests.contract.test_schedule_store import a_schedule
from tests.factories import NOON, a_battery, a_site, a_tariff, readings

opened, store = fixtures_of(CLOUD_STORES)

EVER = Interval(start=NOON - timedelta(days=3650), end=NOON + timedelta(days=3650))


def test_a_site_is_read_back_with_all_its_devices(store):
    site = a_site(
        ev=EvSpec(max_charge_rate_kw=11.0),
        grid=GridConnection(max_export_kw=5.0),
        resolution=timedelta(minutes=30),
        battery=a_battery(wear_cost_per_kwh=0.02),
        live=False,
    )
    assert store.sites.put(site)
    assert store.sites.get("home") == site


def test_putting_tells_whether_something_changed(store):
    assert store.sites.put(a_site())
    assert not store.sites.put(a_site())
    assert store.sites.put(a_site(name="Another name"))
    assert store.sites.get("home").name == "Another name"


def test_sites_are_listed_by_id(store):
    for site_id in ("b", "c", "a"):
        store.sites.put(a_site(site_id))
    assert [site.site_id for site in store.sites.list()] == ["a", "b", "c"]


def test_an_unknown_site_is_none(store):
    assert store.sites.get("nobody") is None
    assert store.tariffs.get("nobody") is None
    assert not store.sites.delete("nobody")


def test_a_tariff_is_read_back_whole(store):
    night = TouPeriod(
        name="night", price_per_kwh=0.1, start=time(22), end=time(6), months=frozenset({1, 12}), weekdays=frozenset({5, 6}), holidays=False
    )
    tariff = a_tariff(
        import_price=TimeOfUsePrice(periods=(night,), default_price_per_kwh=0.3),
        export_price=DynamicPrice(series_id="epex", factor=0.9, ceiling_per_kwh=0.5),
        demand_charge=DemandCharge(price_per_kw=8.0, averaging=timedelta(minutes=30)),
        holiday_calendar="DE-BW",
    )
    store.sites.put(a_site())
    assert store.tariffs.put("home", tariff)
    assert store.tariffs.get("home") == tariff
    assert not store.tariffs.put("home", tariff)
    assert store.tariffs.put("home", a_tariff())


def test_a_tariff_needs_its_site(store):
    with pytest.raises(NotFoundError, match="nobody"):
        store.tariffs.put("nobody", a_tariff())


def fill(store, site_id):
    store.sites.put(a_site(site_id))
    store.tariffs.put(site_id, a_tariff())
    store.readings.upsert(readings(site_id=site_id), stored_at=NOON)
    store.quarantine.put(refused("clock ahead", site_id=site_id))
    store.features.write(site_id=site_id, catalog=a_catalog(), rows=rows_of([1.0]))
    store.forecasts.put([a_forecast(site_id=site_id)])
    store.schedules.put(a_schedule(site_id=site_id))
    store.savings.put(a_report(site_id=site_id))
    store.progress.put(Progress(step="sync", site_id=site_id, updated_at=NOON))
    store.jobs.request([a_job(site_id)], now=NOON)


def a_job(site_id):
    return Job(kind=JobKind.FORECAST, site_id=site_id, slot="20240615T120000Z")


def traces(store, site_id):
    return [
        store.sites.get(site_id) is not None,
        store.tariffs.get(site_id) is not None,
        store.readings.extent(site_id=site_id) is not None,
        not store.readings.read(site_id=site_id, interval=EVER).empty,
        not store.readings.latest(site_id=site_id).empty,
        store.quarantine.count(site_id=site_id) > 0,
        store.features.catalog(site_id=site_id) is not None,
        store.forecasts.latest(site_id=site_id, target=a_forecast().target) is not None,
        store.schedules.latest(site_id=site_id) is not None,
        store.savings.latest(site_id=site_id) is not None,
        store.progress.get(step="sync", site_id=site_id) is not None,
        bool(store.jobs.list(site_id=site_id)),
    ]


def test_deleting_a_site_removes_all_that_belongs_to_it_and_to_no_other(store):
    fill(store, "home")
    fill(store, "neighbour")
    assert traces(store, "home") == [True] * 12
    assert store.sites.delete("home")
    assert traces(store, "home") == [False] * 12
    assert traces(store, "neighbour") == [True] * 12


def test_a_deleted_site_can_begin_again(store):
    fill(store, "home")
    store.sites.delete("home")
    fill(store, "home")
    assert traces(store, "home") == [True] * 12


def test_the_work_of_a_deleted_site_that_still_runs_leaves_nothing(store):
    fill(store, "home")
    (lease,) = store.jobs.claim(JobKind.FORECAST, owner="one", now=NOON, lease=timedelta(minutes=1), limit=1)
    store.sites.delete("home")
    with fenced(lease, store.jobs.require), pytest.raises(LeaseLostError):
        store.forecasts.put([a_forecast(site_id="home")])
    assert traces(store, "home") == [False] * 12


def test_sites_and_tariffs_are_there_after_a_restart(opened):
    with opened() as first:
        first.sites.put(a_site())
        first.tariffs.put("home", a_tariff())
    with opened() as second:
        assert (second.sites.get("home"), second.tariffs.get("home")) == (a_site(), a_tariff())
