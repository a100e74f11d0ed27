"""Acting by the value of a stored kWh: bounds hold, and nothing is done at a loss."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.dispatch import by_value_kw, self_consumption_kw
from shared.domain.schedule import ValueCurve
from shared.domain.storage import advance
from tests.factories import a_battery

SPEC = a_battery(wear_cost_per_kwh=0.01)
money = st.floats(-0.2, 0.8)


def act(
    *,
    net: float,
    value: float | ValueCurve,
    energy: float = 6.0,
    buy: float = 0.30,
    sell: float = 0.08,
    from_grid: float = 0.0,
    to_grid: float = 0.0,
) -> float:
    return by_value_kw(
        SPEC,
        energy_kwh=energy,
        step_hours=0.25,
        net_load_kw=net,
        import_price_per_kwh=buy,
        export_price_per_kwh=sell,
        value_curve=value if isinstance(value, ValueCurve) else ValueCurve.flat(value),
        grid_charge_limit_kw=from_grid,
        grid_discharge_limit_kw=to_grid,
    )


@given(
    energy=st.floats(0.0, 13.5),
    net=st.floats(-10, 10),
    value=money,
    buy=money,
    sell=money,
    from_grid=st.floats(0, 5),
    to_grid=st.floats(0, 5),
)
def test_the_wish_is_always_something_that_the_battery_can_do(
    *, energy: float, net: float, value: float, buy: float, sell: float, from_grid: float, to_grid: float
) -> None:
    power = act(net=net, value=value, energy=energy, buy=buy, sell=sell, from_grid=from_grid, to_grid=to_grid)
    assert abs(advance(SPEC, energy_kwh=energy, power_kw=power, step_hours=0.25).power_kw - power) < 1e-9


@given(st.floats(0.5, 10), money, money)
def test_load_is_not_covered_when_a_kept_kwh_is_worth_more_than_buying(net: float, buy: float, margin: float) -> None:
    worth = buy * SPEC.discharge_efficiency + abs(margin) + 0.001
    assert act(net=net, value=worth, buy=buy, sell=-1.0) >= 0.0


@given(st.floats(-10, 10), money, money)
def test_without_limits_from_a_plan_nothing_is_exchanged_with_the_grid(net: float, value: float, buy: float) -> None:
    power = act(net=net, value=value, buy=buy, sell=buy - 0.1)
    assert -max(0.0, net) - 1e-9 <= power <= max(0.0, -net) + 1e-9


def test_a_surplus_is_stored_while_it_is_worth_more_than_its_sale() -> None:
    assert act(net=-3.0, value=0.20) == 3.0
    assert act(net=-3.0, value=0.05) == 0.0


def test_the_grid_charges_as_far_as_planned_and_only_while_it_pays() -> None:
    assert act(net=0.5, value=0.40, buy=0.30, from_grid=2.0) == 2.0
    assert act(net=0.5, value=0.32, buy=0.30, from_grid=2.0) == 0.0


def test_the_battery_sells_as_far_as_planned_and_only_while_it_pays() -> None:
    assert act(net=-1.0, value=0.10, sell=0.25, buy=0.30, to_grid=2.0) == -2.0
    assert act(net=1.0, value=0.28, sell=0.25, buy=0.30, to_grid=2.0) == 0.0


def test_charging_stops_where_the_next_kwh_is_not_worth_it() -> None:
    curve = ValueCurve(soc_percent=(0.0, 45.0), value_per_kwh=(0.30, 0.02))
    power = act(net=-5.0, value=curve, energy=6.0)
    assert abs(6.0 + power * SPEC.charge_efficiency * 0.25 - 0.45 * SPEC.capacity_kwh) < 1e-9


def test_self_consumption_follows_the_meter() -> None:
    assert self_consumption_kw(net_load_kw=2.0) == -2.0
    assert self_consumption_kw(net_load_kw=-3.0) == 3.0
