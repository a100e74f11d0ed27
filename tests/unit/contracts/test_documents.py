"""Sites, tariffs, forecasts, schedules and savings come back from the wire, and documents refuse what is not theirs."""

import json
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.forecasts import ForecastDocument
from shared.contracts.readings import ReadingDocument
from shared.contracts.savings import SavingsDocument
from shared.contracts.schedules import ScheduleDocument
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.savings import PolicyBill, SavingsReport
from shared.domain.schedule import Action, PlanCost, PlanStatus, Reason, RelaxedConstraint, Schedule, Slot, ValueCurve
from shared.domain.site import RESOLUTIONS, BatterySpec, EvSpec, GridConnection, Site, SolarSpec
from shared.domain.tariff import DemandCharge, DynamicPrice, FlatPrice, Tariff, TimeOfUsePrice, TouPeriod
from shared.domain.time import Interval, TimeGrid
from tests.factories import a_site, a_tariff

money = st.floats(-1e3, 1e3)
powers = st.floats(0, 1e4)
shares = st.floats(0, 1)
names = st.sampled_from(["home", "A.b_c-9", "0"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
socs = st.floats(0, 100)
texts = st.text(max_size=20)
sentences = st.lists(texts, max_size=2).map(tuple)

batteries = st.builds(
    lambda bounds, **values: BatterySpec(min_soc_percent=bounds[0], max_soc_percent=bounds[1], **values),
    bounds=st.tuples(socs, socs).map(sorted),
    capacity_kwh=st.floats(0.1, 1e4), max_charge_rate_kw=powers, max_discharge_rate_kw=powers,
    charge_efficiency=st.floats(0.001, 1), discharge_efficiency=st.floats(0.001, 1), wear_cost_per_kwh=st.none() | st.floats(0, 1),
)  # fmt: skip
places = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
sites = st.builds(
    lambda place, **values: Site(latitude=place and place[0], longitude=place and place[1], **values),
    place=places, site_id=names, name=texts, timezone=zones, resolution=st.sampled_from(RESOLUTIONS), battery=st.none() | batteries,
    solar=st.none() | st.builds(SolarSpec, capacity_kw=powers, tilt_degrees=st.floats(0, 90),
        azimuth_degrees=st.none() | st.floats(0, 360)),
    ev=st.none() | st.builds(EvSpec, max_charge_rate_kw=st.floats(0.1, 50)),
    grid=st.builds(GridConnection, max_import_kw=st.none() | powers, max_export_kw=st.none() | powers),
    simulated=st.booleans(), live=st.booleans(),
)  # fmt: skip

tou_periods = st.builds(
    TouPeriod, name=names, price_per_kwh=money, start=st.times(), end=st.times(), months=st.frozensets(st.integers(1, 12)),
    weekdays=st.frozensets(st.integers(0, 6)), holidays=st.none() | st.booleans(),
)  # fmt: skip
rules = {
    "flat": st.builds(FlatPrice, price_per_kwh=money),
    "time_of_use": st.builds(TimeOfUsePrice, periods=st.lists(tou_periods, max_size=3).map(tuple), default_price_per_kwh=money),
    "dynamic": st.builds(
        lambda bounds, **values: DynamicPrice(floor_per_kwh=bounds[0], ceiling_per_kwh=bounds[1], **values),
        bounds=st.tuples(st.none() | st.floats(-1, 0), st.none() | st.floats(0, 1)),
        series_id=names, factor=money, surcharge_per_kwh=money,
    ),
}  # fmt: skip


def tariffs(kind: str) -> st.SearchStrategy[Tariff]:
    return st.builds(
        Tariff, currency=st.sampled_from(["EUR", "USD"]), timezone=zones, import_price=rules[kind], export_price=st.one_of(*rules.values()),
        demand_charge=st.none() | st.builds(DemandCharge, price_per_kw=powers, averaging=st.sampled_from(RESOLUTIONS)),
        holiday_calendar=st.sampled_from([None, "DE", "DE-BW", "US-CA"]),
    )  # fmt: skip


@st.composite
def grids(draw: st.DrawFn, most: int = 3) -> TimeGrid:
    return TimeGrid(start=draw(moments), step=draw(st.sampled_from(RESOLUTIONS)), count=draw(st.integers(1, most)))


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    grid = draw(grids())
    levels = tuple(sorted({0.5, *draw(st.lists(st.sampled_from([*QUANTILE_LEVELS, 0.123456789]), max_size=4))}))
    shape = (grid.count, len(levels))
    values = np.array(draw(st.lists(money, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))).reshape(shape)
    return Forecast(
        site_id=draw(names), target=draw(st.sampled_from(Target)), issued_at=draw(moments), data_as_of=draw(moments),
        model_name=draw(names), model_version=draw(names), grid=grid, levels=levels, values=np.sort(values, axis=1).T,
        skill=draw(st.none() | money), degraded=draw(sentences),
    )  # fmt: skip


curves = st.lists(st.tuples(socs, money), min_size=1, max_size=3, unique_by=lambda point: point[0]).map(
    lambda points: ValueCurve(
        soc_percent=tuple(sorted(point[0] for point in points)),
        value_per_kwh=tuple(sorted((point[1] for point in points), reverse=True)),
    )
)
reasons = st.builds(
    Reason, text=texts, binding=st.sampled_from([None, "max_soc"]), marginal_value_per_kwh=money,
    runner_up=st.none() | st.sampled_from(Action), runner_up_extra_cost=st.none() | money,
)  # fmt: skip
slots = st.builds(
    Slot, start=moments, action=st.sampled_from(Action), charge_kw=powers, discharge_kw=powers, grid_import_kw=powers,
    grid_export_kw=powers, curtail_kw=powers, soc_percent=socs, load_kw=powers, solar_kw=powers, import_price_per_kwh=money,
    export_price_per_kwh=money, cost=money, value_curve=curves, grid_charge_limit_kw=powers,
    grid_discharge_limit_kw=powers, reason=reasons, ev_kw=powers, deferrable_kw=powers,
)  # fmt: skip
plan_costs = st.builds(PlanCost, energy=money, demand=money, wear=money, terminal=money)
relaxed = st.lists(st.builds(RelaxedConstraint, name=names, amount=powers, unit=st.just("kWh"), at=moments), max_size=2).map(tuple)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    grid = draw(grids(most=2))
    return Schedule(
        site_id=draw(names), issued_at=draw(moments), status=draw(st.sampled_from(PlanStatus)), engine=draw(names), objective=draw(names),
        currency="EUR", grid=grid, slots=tuple(draw(slots) for _ in range(grid.count)), cost=draw(plan_costs),
        baseline_cost=draw(st.none() | money), initial_soc_percent=draw(socs), degraded=draw(sentences), relaxed_constraints=draw(relaxed),
        forecast_ids=draw(sentences), revision=draw(st.integers(1, 99)), not_before=draw(moments), expires_at=draw(moments),
        solve_seconds=draw(powers), gap=draw(shares), notes=draw(sentences),
    )  # fmt: skip


POLICIES = ("no_battery", "planned", "perfect_foresight")
bills = st.tuples(*(
    st.builds(
        PolicyBill, policy=st.just(policy), energy_cost=money, demand_cost=money, wear_cost=money, stored_value=money, import_kwh=powers,
        export_kwh=powers, throughput_kwh=powers,
    )
    for policy in POLICIES
))  # fmt: skip
reports = st.builds(
    SavingsReport, site_id=names, made_at=moments, interval=moments.map(lambda at: Interval(start=at, end=at + timedelta(days=1))),
    currency=st.just("EUR"), bills=bills, coverage=shares, notes=sentences,
)  # fmt: skip


@given(sites)
def test_a_site_comes_back(site):
    assert SiteDocument.model_validate_json(SiteDocument.from_domain(site).model_dump_json()).to_domain() == site


@pytest.mark.parametrize("kind", rules)
@given(data=st.data())
def test_a_tariff_comes_back(kind, data):
    tariff = data.draw(tariffs(kind))
    document = TariffDocument.from_domain(tariff)
    assert document.import_price.kind == kind
    assert TariffDocument.model_validate_json(document.model_dump_json()).to_domain() == tariff


@given(forecasts())
def test_a_forecast_comes_back_to_a_millionth(forecast):
    document = ForecastDocument.model_validate_json(ForecastDocument.from_domain(forecast).model_dump_json())
    back = document.to_domain()
    for name in ("site_id", "target", "issued_at", "data_as_of", "model_name", "model_version", "grid", "levels", "skill", "degraded"):
        assert getattr(back, name) == getattr(forecast, name)
    np.testing.assert_allclose(back.values, forecast.values, atol=5.1e-7)
    assert ForecastDocument.from_domain(back) == document


@given(schedules())
def test_a_schedule_comes_back(schedule):
    document = ScheduleDocument.model_validate_json(ScheduleDocument.from_domain(schedule).model_dump_json())
    assert document.to_domain() == schedule
    assert document.cost.total == schedule.cost.total
    assert document.schedule_id == schedule.schedule_id


@given(reports)
def test_a_savings_report_comes_back_with_its_totals_written_out(report):
    document = SavingsDocument.model_validate_json(SavingsDocument.from_domain(report).model_dump_json())
    assert document.to_domain() == report
    assert [bill.total for bill in document.bills] == [bill.total for bill in report.bills]
    assert [bill.captured_share for bill in document.bills] == [report.captured_share(policy) for policy in POLICIES]


def test_a_report_that_lacks_a_policy_to_compare_with_has_no_captured_share():
    bill = PolicyBill(
        policy="planned",
        energy_cost=1.0,
        demand_cost=0.0,
        wear_cost=0.0,
        stored_value=0.0,
        import_kwh=3.0,
        export_kwh=0.0,
        throughput_kwh=0.0,
    )
    at = datetime(2024, 6, 15, tzinfo=UTC)
    report = SavingsReport(site_id="home", made_at=at, interval=Interval(start=at, end=at), currency="EUR", bills=(bill,), coverage=1.0)
    assert SavingsDocument.from_domain(report).bills[0].captured_share is None


def examples() -> dict[type, dict]:
    """One whole document of each kind as parsed JSON, every part of it present."""
    at, hour = datetime(2024, 6, 15, 12, tzinfo=UTC), timedelta(hours=1)
    grid = TimeGrid(start=at, step=hour, count=1)
    forecast = Forecast(
        site_id="home", target=Target.LOAD, issued_at=at, data_as_of=at, model_name="m", model_version="1", grid=grid, levels=(0.1, 0.5),
        values=np.array([[1.0], [2.0]]), skill=0.1, degraded=("holidays unknown",),
    )  # fmt: skip
    slot = Slot(
        start=at, action=Action.STORE, charge_kw=1.0, discharge_kw=0.0, grid_import_kw=0.0, grid_export_kw=1.0, curtail_kw=0.0,
        soc_percent=50.0, load_kw=1.0, solar_kw=3.0, import_price_per_kwh=0.3, export_price_per_kwh=0.08,
        cost=-0.08, value_curve=ValueCurve.flat(0.2),
        grid_charge_limit_kw=0.0, grid_discharge_limit_kw=0.0, reason=Reason(text="Sun.", runner_up=Action.HOLD, runner_up_extra_cost=0.1),
    )  # fmt: skip
    schedule = Schedule(
        site_id="home", issued_at=at, status=PlanStatus.OPTIMAL, engine="lp", objective="expected cost", currency="EUR", grid=grid,
        slots=(slot,), cost=PlanCost(energy=1.0, demand=0.0, wear=0.1, terminal=0.2), baseline_cost=2.0, initial_soc_percent=40.0,
        relaxed_constraints=(RelaxedConstraint(name="departure_soc", amount=1.0, unit="kWh", at=at),), not_before=at, expires_at=at + hour,
    )  # fmt: skip
    bill = PolicyBill(
        policy="no_battery",
        energy_cost=1.0,
        demand_cost=0.0,
        wear_cost=0.0,
        stored_value=0.0,
        import_kwh=3.0,
        export_kwh=0.0,
        throughput_kwh=0.0,
    )
    report = SavingsReport(
        site_id="home", made_at=at, interval=Interval(start=at, end=at + hour), currency="EUR", bills=(bill,), coverage=1.0
    )
    reading = {
        "timestamp": "2024-06-15T12:00:00+00:00", "device_id": "d", "solar": {"generation_kw": 1.0}, "battery": {"power_kw": 1.0},
        "home_load": {"total_load_kw": 1.0}, "grid_price": {"price_per_kwh": 0.3}, "net_grid_flow_kw": 1.0,
    }  # fmt: skip
    site = a_site(ev=EvSpec(max_charge_rate_kw=7.2), grid=GridConnection(max_import_kw=10.0))
    tariff = a_tariff(
        export_price=DynamicPrice(series_id="spot", floor_per_kwh=0.0), demand_charge=DemandCharge(price_per_kw=10.0), holiday_calendar="DE"
    )
    documents = (
        SiteDocument.from_domain(site), TariffDocument.from_domain(tariff), ForecastDocument.from_domain(forecast),
        ScheduleDocument.from_domain(schedule), SavingsDocument.from_domain(report),
    )  # fmt: skip
    return {ReadingDocument: reading} | {type(document): json.loads(document.model_dump_json()) for document in documents}


def places_in(value: object, path: tuple = ()) -> list[tuple[tuple, object]]:
    """Every value in a JSON document, with its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(place for key, item in inner for place in places_in(item, (*path, key)))]


def changed(document: dict, path: tuple, value: object) -> dict:
    """A copy with another value at one place."""
    copy = json.loads(json.dumps(document))
    target = copy
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return copy


EXAMPLES = examples()
OBJECTS = [
    (kind, path)
    for kind, document in EXAMPLES.items()
    for path, value in places_in(document)
    if isinstance(value, dict) and path != ("quantiles",)
]
NUMBERS = [(kind, path) for kind, document in EXAMPLES.items() for path, value in places_in(document) if type(value) in (int, float)]
TIMES = [
    (kind, path)
    for kind, document in EXAMPLES.items()
    for path, value in places_in(document)
    if isinstance(value, str) and "+00:00" in value and path[-1] != "forecast_id"
]
BOOLEANS = [(kind, path) for kind, document in EXAMPLES.items() for path, value in places_in(document) if type(value) is bool]


def name_of(value: object) -> str:
    return value.__name__ if isinstance(value, type) else ".".join(map(str, value))


class TestADocument:
    @pytest.mark.parametrize("kind", EXAMPLES, ids=name_of)
    def test_is_accepted_as_it_is(self, kind):
        assert isinstance(kind.model_validate(EXAMPLES[kind]), kind)

    @pytest.mark.parametrize(("kind", "path"), OBJECTS, ids=name_of)
    def test_refuses_an_unknown_field(self, kind, path):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            kind.model_validate(changed(EXAMPLES[kind], (*path, "surprise"), 1))

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), True, "1", [1]], ids=repr)
    @pytest.mark.parametrize(("kind", "path"), NUMBERS, ids=name_of)
    def test_refuses_what_is_no_number(self, kind, path, wrong):
        with pytest.raises(ValidationError):
            kind.model_validate(changed(EXAMPLES[kind], path, wrong))

    @pytest.mark.parametrize("wrong", ["2024-06-15T12:00:00", 1718452800, True, "noon"], ids=repr)
    @pytest.mark.parametrize(("kind", "path"), TIMES, ids=name_of)
    def test_refuses_a_time_without_offset_and_what_is_no_time(self, kind, path, wrong):
        with pytest.raises(ValidationError):
            kind.model_validate(changed(EXAMPLES[kind], path, wrong))

    @pytest.mark.parametrize("wrong", [1, "true", 0.0], ids=repr)
    @pytest.mark.parametrize(("kind", "path"), BOOLEANS, ids=name_of)
    def test_refuses_what_is_no_boolean(self, kind, path, wrong):
        with pytest.raises(ValidationError):
            kind.model_validate(changed(EXAMPLES[kind], path, wrong))


class TestAForecastDocument:
    @pytest.mark.parametrize(
        "quantiles", [{}, {"low": [1.0], "0.5": [2.0]}, {"0.1": [1.0]}, {"0.5": [1.0, 2.0], "0.9": [3.0]}, {"0.5": [1.0], "0.50": [1.0]}]
    )
    def test_refuses_quantiles_that_are_none(self, quantiles):
        with pytest.raises((ValidationError, InvalidValueError)):
            ForecastDocument.model_validate({**EXAMPLES[ForecastDocument], "quantiles": quantiles}).to_domain()

    def test_may_name_its_levels_in_any_order(self):
        document = ForecastDocument.model_validate({**EXAMPLES[ForecastDocument], "quantiles": {"0.9": [3.0], "0.10": [1.0], "0.5": [2.0]}})
        assert document.to_domain().levels == (0.1, 0.5, 0.9)


class TestWhatTheSchemaCannotSee:
    @pytest.mark.parametrize(
        ("kind", "path", "value"),
        [
            (SiteDocument, ("timezone",), "Europe/Atlantis"), (SiteDocument, ("resolution",), "PT20M"), (SiteDocument, ("latitude",), None),
            (SiteDocument, ("battery", "min_soc"), 95.0), (TariffDocument, ("timezone",), "Mars/Base"),
            (TariffDocument, ("export_price", "ceiling_per_kwh"), -1.0), (ScheduleDocument, ("slots", 0, "value_curve", "soc_percent"), []),
        ],
    )  # fmt: skip
    def test_the_domain_refuses_in_one_line(self, kind, path, value):
        with pytest.raises(InvalidValueError):
            kind.model_validate(changed(EXAMPLES[kind], path, value)).to_domain()


def test_a_period_is_written_in_local_time():
    document = TariffDocument.from_domain(a_tariff()).model_dump(mode="json")
    assert (document["import_price"]["periods"][0]["start"], document["import_price"]["periods"][0]["end"]) == ("17:00:00", "21:00:00")
    assert time.fromisoformat(document["import_price"]["periods"][0]["start"]) == time(17)


def test_dates_are_no_instants():
    with pytest.raises(ValidationError):
        ReadingDocument(timestamp=date(2024, 6, 15), device_id="d")
