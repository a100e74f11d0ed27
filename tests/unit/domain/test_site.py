"""A site and its devices refuse what cannot exist."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError
from shared.domain.site import RESOLUTIONS, BatterySpec, EvSpec, GridConnection, SolarSpec
from tests.factories import a_battery, a_site

NAN, INFINITY = float("nan"), float("inf")


class TestABattery:
    @given(
        capacity_kwh=st.floats(0.1, 1e5),
        bounds=st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted),
        efficiency=st.floats(0.001, 1.0),
    )
    def test_keeps_what_it_can_use_inside_its_capacity(self, capacity_kwh, bounds, efficiency):
        battery = a_battery(
            capacity_kwh=capacity_kwh, min_soc_percent=bounds[0], max_soc_percent=bounds[1],
            charge_efficiency=efficiency, discharge_efficiency=efficiency,
        )  # fmt: skip
        assert 0 <= battery.min_energy_kwh <= battery.max_energy_kwh <= capacity_kwh * (1 + 1e-12)
        assert battery.usable_kwh == pytest.approx(capacity_kwh * (bounds[1] - bounds[0]) / 100)

    @pytest.mark.parametrize(
        "changes",
        [
            {"capacity_kwh": 0.0}, {"capacity_kwh": -13.5}, {"capacity_kwh": NAN}, {"capacity_kwh": INFINITY},
            {"max_charge_rate_kw": -1.0}, {"max_charge_rate_kw": NAN}, {"max_discharge_rate_kw": INFINITY},
            {"charge_efficiency": 0.0}, {"charge_efficiency": 1.01}, {"charge_efficiency": 95.0}, {"discharge_efficiency": -0.9},
            {"discharge_efficiency": NAN}, {"min_soc_percent": -1.0}, {"max_soc_percent": 101.0}, {"max_soc_percent": NAN},
            {"min_soc_percent": 91.0}, {"wear_cost_per_kwh": -0.01}, {"wear_cost_per_kwh": NAN},
        ],
    )  # fmt: skip
    def test_refuses(self, changes):
        with pytest.raises(InvalidValueError) as problem:
            a_battery(**changes)
        assert problem.value.name == next(iter(changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"max_charge_rate_kw": 0.0},
            {"min_soc_percent": 90.0},
            {"min_soc_percent": 0.0, "max_soc_percent": 100.0},
            {"wear_cost_per_kwh": 0.0},
        ],
    )
    def test_accepts_its_limits(self, changes):
        assert isinstance(a_battery(**changes), BatterySpec)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (SolarSpec, {"capacity_kw": -1.0}), (SolarSpec, {"capacity_kw": NAN}), (SolarSpec, {"capacity_kw": 5.0, "tilt_degrees": 91.0}),
        (SolarSpec, {"capacity_kw": 5.0, "azimuth_degrees": 361.0}), (EvSpec, {"max_charge_rate_kw": 0.0}),
        (GridConnection, {"max_import_kw": -1.0}), (GridConnection, {"max_export_kw": NAN}), (GridConnection, {"max_import_kw": INFINITY}),
    ],
)  # fmt: skip
def test_a_device_refuses(kind, values):
    with pytest.raises(InvalidValueError, match=list(values)[-1]):
        kind(**values)


class TestASite:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"site_id": "a b"}, "site_id"), ({"site_id": ""}, "site_id"), ({"timezone": "Europe/Atlantis"}, "timezone"),
            ({"latitude": 91.0}, "latitude"), ({"longitude": -181.0}, "longitude"), ({"latitude": NAN}, "latitude"),
            ({"latitude": None}, "latitude, longitude"), ({"longitude": None}, "latitude, longitude"),
            ({"resolution": timedelta(minutes=20)}, "resolution"), ({"resolution": timedelta(0)}, "resolution"),
        ],
    )  # fmt: skip
    def test_refuses(self, changes, name):
        with pytest.raises(InvalidValueError) as problem:
            a_site(**changes)
        assert problem.value.name == name

    @pytest.mark.parametrize("resolution", RESOLUTIONS)
    def test_takes_each_resolution(self, resolution):
        assert a_site(resolution=resolution).resolution == resolution

    def test_may_be_somewhere_unknown_and_have_no_device(self):
        site = a_site(latitude=None, longitude=None, battery=None, solar=None)
        assert (site.battery, site.solar, site.ev, site.grid.max_import_kw) == (None, None, None, None)
