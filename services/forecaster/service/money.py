"""The verdict in money: the site's own planning, replayed with a challenger's forecasts and without."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from services.forecaster.model.contest import Contest
from services.forecaster.model.gate import Bills, afford
from services.forecaster.model.promotion import Training
from services.forecaster.model.series import Series
from services.forecaster.service.past import past_forecasts
from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval
from shared.ports.bill_replay import BillReplay, NoMoneyError

DAY = timedelta(days=1)
CHALLENGER, INCUMBENT = "challenger", "incumbent"


def judged_in_money(
    replay: BillReplay | None, *, site_id: str, series: Mapping[Target, Series], tests: Mapping[Target, Training]
) -> dict[Target, Training]:
    """The trainings, those that passed by their errors judged by what they cost; each alone, the other targets as they are served."""
    return {target: _judged(replay, site_id, series, tests, target) if test.verdict.promoted else test for target, test in tests.items()}


def _judged(
    replay: BillReplay | None, site_id: str, series: Mapping[Target, Series], tests: Mapping[Target, Training], target: Target
) -> Training:
    test = tests[target]
    if test.contest is None or replay is None:
        return _left(test, "too few days were tested" if replay else "no planner is at hand")
    runs = _runs(site_id, series, tests, target, test.contest)
    interval = Interval(start=runs[CHALLENGER][0].issued_at, end=runs[CHALLENGER][0].issued_at + test.contest.days * DAY)
    try:
        costs = replay.daily_costs(site_id=site_id, interval=interval, runs=runs)
    except NoMoneyError as reason:
        return _left(test, str(reason))
    bills = Bills(challenger=costs[CHALLENGER], incumbent=costs[INCUMBENT], incumbent_name=test.contest.incumbent.model_name)
    return replace(test, verdict=afford(test.verdict, bills), bills=bills)


def _left(test: Training, reason: str) -> Training:
    """As its errors decided."""
    return replace(test, verdict=replace(test.verdict, reason=f"{test.verdict.reason}; not judged in money: {reason}"))


def _runs(
    site_id: str, series: Mapping[Target, Series], tests: Mapping[Target, Training], target: Target, own: Contest
) -> dict[str, list[Forecast]]:
    """Forecasts of the target by either side, with the same ones of everything else."""
    others = [
        forecast
        for other, test in tests.items()
        if other is not target and test.contest is not None
        for forecast in past_forecasts(series[other], site_id, [test.contest.incumbent])
    ]
    sides = {CHALLENGER: own.challenger, INCUMBENT: own.incumbent}
    return {name: [*past_forecasts(series[target], site_id, [served]), *others] for name, served in sides.items()}
