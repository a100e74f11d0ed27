"""The optimizer's composition root and its command: `plan` for a site, for a problem in a file, or for many."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from services.optimizer.handlers import parts as optimizer_parts
from services.optimizer.service import PlannerService, solve
from services.optimizer.settings import OptimizerSettings
from shared.contracts.optimization import ProblemError, read_problem
from shared.contracts.schedules import ScheduleDocument
from shared.domain.errors import InvalidValueError
from shared.domain.schedule import Schedule, Slot
from shared.domain.time import zone
from shared.runtime.cli import USAGE_STATUS, UsageError, readable_file
from shared.runtime.command import Command, script
from shared.runtime.life import run_until_signalled
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.worker import Parts


def build(resources: Resources) -> PlannerService:
    """The service on these resources."""
    return PlannerService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        prices=resources.prices,
        readings=resources.readings,
        forecasts=resources.forecasts,
        schedules=resources.schedules,
        savings=resources.savings,
        holidays=resources.holidays,
        progress=resources.progress,
        time_limit_seconds=_time_limit(),
    )


def parts(resources: Resources) -> Parts:
    """What the optimizer brings to a process."""
    return optimizer_parts(
        build(resources),
        sites=resources.sites,
        jobs=resources.jobs,
        clock=resources.clock,
        every=load(OptimizerSettings).interval,
        lease=resources.job_lease,
    )


def _time_limit() -> float:
    return load(OptimizerSettings).time_limit_seconds


def cli(argv: Sequence[str] | None = None) -> int:
    """The command alone, as a script."""
    return script(PLAN, argv)


def _arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--site", metavar="ID", help="plan this site now and keep the plan (default: the only site there is)")
    what.add_argument("--problem", metavar="FILE", type=_source, help="answer the problem in this JSON file; - reads standard input")
    what.add_argument(
        "--problems", metavar="FILE", type=_source, help="answer one problem on each line, in the same order; - reads standard input"
    )
    what.add_argument("--continuous", action="store_true", help="keep the plans of all sites up to date until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print a site's plan as JSON instead of a table")


def _source(text: str) -> Path:
    return Path(text) if text == "-" else readable_file(text)


def _plan(options: argparse.Namespace, resources: Resources) -> int:
    if options.continuous:
        return run_until_signalled(resources, [parts(resources)])
    if options.problem is not None:
        return _solve_one(options.problem, _time_limit())
    if options.problems is not None:
        return _solve_many(options.problems, _time_limit())
    service = build(resources)
    site_id = options.site or _only_site(resources)
    site = resources.sites.get(site_id)
    now = resources.clock.now_at(site) if site is not None else resources.clock.now()
    schedule = service.plan(site_id=site_id, now=now)
    if options.json:
        _write(ScheduleDocument.from_domain(schedule).model_dump_json())
    else:
        print(table(schedule, zone(site.timezone if site is not None else "UTC")))
    return 0


def _only_site(resources: Resources) -> str:
    known = [site.site_id for site in resources.sites.list()]
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError("there is no site yet; make one with `der simulate` or `der import FILE --site ID`")
    raise UsageError(f"--site is missing: choose one of {', '.join(known[:10])}")


def _solve_one(path: Path, time_limit_seconds: float) -> int:
    try:
        problem = read_problem(orjson.loads(_read(path)))
        answer = solve(problem, time_limit_seconds=time_limit_seconds)
    except orjson.JSONDecodeError as trouble:
        raise UsageError(f"{path} is not JSON ({trouble}); write one problem as a JSON object") from None
    except ProblemError as trouble:
        raise UsageError(f"{path}: {trouble}") from None
    _write(answer.model_dump_json())
    return 0


def _solve_many(path: Path, time_limit_seconds: float) -> int:
    """A line of answer for each line of problem; 2 when any was wrong."""
    bad = 0
    for line in _lines(path):
        if not line.strip():
            continue
        try:
            answer = solve(read_problem(orjson.loads(line)), time_limit_seconds=time_limit_seconds).model_dump_json()
        except orjson.JSONDecodeError as trouble:
            answer, bad = _error("", f"is not JSON ({trouble})"), bad + 1
        except ProblemError as trouble:
            answer, bad = _error(trouble.pointer, trouble.remedy), bad + 1
        except InvalidValueError as trouble:
            answer, bad = _error("", str(trouble)), bad + 1
        _write(answer)
    if bad:
        print(f"{bad} of the problems in {path} could not be understood; their lines say why", file=sys.stderr)
    return USAGE_STATUS if bad else 0


def _error(pointer: str, remedy: str) -> str:
    return orjson.dumps({"error": {"pointer": pointer, "detail": remedy}}).decode()


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()


def _lines(path: Path) -> Iterable[bytes]:
    if str(path) == "-":
        yield from sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield from file


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def table(schedule: Schedule, tz: ZoneInfo) -> str:
    """A plan for a person: one line for each run of equal action, in local time."""
    lines = [
        f"Plan {schedule.schedule_id}, {schedule.status}, times in {tz.key}",
        _money(schedule),
        *(f"Degraded: {sentence}" for sentence in schedule.degraded),
        *(f"Not kept: {item.name} by {item.amount:g} {item.unit}" for item in schedule.relaxed_constraints),
        *schedule.notes,
        "",
        f"{'from':<11}{'to':<11}{'action':<8}{'kWh':>7}{'buy at':>9}{'sell at':>9}{'SoC':>7}  why",
    ]
    for action, run in groupby(schedule.slots, key=lambda slot: slot.action):
        lines.append(_row(action, list(run), schedule, tz))
    return "\n".join(lines)


def _money(schedule: Schedule) -> str:
    cost, currency = schedule.cost, schedule.currency
    parts = f"energy {cost.energy:.2f}, demand {cost.demand:.2f}, wear {cost.wear:.2f}, value left in the battery {cost.terminal:.2f}"
    saved = "" if schedule.baseline_cost is None else f", {schedule.baseline_cost - cost.total:.2f} less than self-consumption"
    return f"Expected cost {cost.total:.2f} {currency}{saved} ({parts})"


def _row(action: str, run: list[Slot], schedule: Schedule, tz: ZoneInfo) -> str:
    hours = schedule.grid.step_hours
    end = run[-1].start + schedule.grid.step
    moved = sum(slot.charge_kw + slot.discharge_kw for slot in run) * hours
    buy = sum(slot.import_price_per_kwh for slot in run) / len(run)
    sell = sum(slot.export_price_per_kwh for slot in run) / len(run)
    return (
        f"{run[0].start.astimezone(tz):%a %H:%M}  {end.astimezone(tz):%a %H:%M}  {action:<8}{moved:>7.2f}{buy:>9.3f}{sell:>9.3f}"
        f"{run[-1].soc_percent:>6.0f}%  {run[0].reason.text}"
    )


PLAN = Command(
    name="plan",
    summary="Plan when to buy, sell or store: for a site with its forecasts, or for a problem given as JSON.",
    examples=(
        "  der plan --site home                    plan the next 48 hours of a site\n"
        "  der plan --site home --json             the same as JSON\n"
        "  der plan --continuous                   on new forecasts, on request and as plans age, until Ctrl-C\n"
        "  der plan --problem problem.json         answer one problem\n"
        "  der plan --problems many.jsonl > answers.jsonl"
    ),
    add_arguments=_arguments,
    execute=_plan,
)
COMMANDS: tuple[Command, ...] = (PLAN,)
