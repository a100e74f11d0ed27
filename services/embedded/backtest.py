"""`der backtest`: what each policy would have cost on what really happened."""

import argparse
import sys
from pathlib import Path

from services.embedded.pipeline import Pipeline
from shared.contracts.savings import SavingsDocument
from shared.domain.savings import SavingsReport
from shared.domain.site import Site
from shared.domain.time import format_instant
from shared.runtime.cli import UsageError
from shared.runtime.command import Command
from shared.runtime.files import whole_or_none
from shared.runtime.resources import Resources
from shared.runtime.table import print_table

LONGEST_DAYS = 366

LABELS = {
    "no_battery": "no battery",
    "self_consumption": "self-consumption",
    "time_of_use_timer": "time-of-use timer",
    "planned": "planned",
    "perfect_foresight": "perfect foresight",
}


def the_site(resources: Resources, site_id: str | None) -> Site:
    """The site of that id, or the only one. Raises `UsageError`."""
    sites = resources.sites.list()
    if site_id is None and len(sites) == 1:
        return sites[0]
    if site_id is None:
        if not sites:
            raise UsageError("there is no site yet; import or simulate one and run `der sync --once`")
        raise UsageError(f"there are {len(sites)} sites; name one with --site (known: {', '.join(site.site_id for site in sites[:5])})")
    found = next((site for site in sites if site.site_id == site_id), None)
    if found is None:
        known = ", ".join(site.site_id for site in sites[:5]) or "none yet; import or simulate one and run `der sync --once`"
        raise UsageError(f"--site is {site_id!r}: name one of the sites (known: {known})")
    return found


def print_report(report: SavingsReport) -> None:
    """The table a person reads."""
    print(
        f"{report.site_id}, {format_instant(report.interval.start)} to {format_instant(report.interval.end)}, "
        f"{report.coverage:.0%} of the steps measured, money in {report.currency}\n"
    )
    nothing = report.bill_of("no_battery")
    rows = []
    for bill in report.bills:
        share = report.captured_share(bill.policy)
        rows.append((
            LABELS[bill.policy], f"{bill.bill:.2f}", f"{bill.wear_cost:.2f}", f"{bill.total:.2f}", f"{nothing.total - bill.total:.2f}",
            "-" if share is None else f"{share:.1%}", f"{bill.import_kwh:.0f}", f"{bill.export_kwh:.0f}", f"{bill.throughput_kwh:.0f}",
        ))  # fmt: skip
    print_table(("policy", "bill", "wear", "total", "saved", "of possible", "bought kWh", "sold kWh", "through battery kWh"), rows)
    for note in report.notes:
        print(f"note: {note}")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", metavar="ID", help="the site (default: the only one there is)")
    parser.add_argument("--days", type=_days, default=30, metavar="N", help=f"how many days up to now, 1 to {LONGEST_DAYS} (default 30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_DAYS):
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 to {LONGEST_DAYS}")
    return int(text)


def _execute(options: argparse.Namespace, resources: Resources) -> int:
    report = Pipeline(resources).backtest(the_site(resources, options.site), days=options.days)
    print_report(report)
    if options.json is not None:
        with whole_or_none(options.json, option="--json") as file:
            file.write_text(SavingsDocument.from_domain(report).model_dump_json(indent=2), "utf-8")
        print(f"wrote {options.json}", file=sys.stderr)
    return 0


BACKTEST = Command(
    name="backtest",
    summary="Replay policies on what really happened: the bill of each, and how much of the possible saving planning caught.",
    examples="""\
  der backtest                                 the last 30 days of the only site
  der backtest --site home --days 14 --json report.json

Forecasts are made as of every hour of these days from what was known then; nothing later is used.""",
    add_arguments=_add_arguments,
    execute=_execute,
)
COMMANDS: tuple[Command, ...] = (BACKTEST,)
