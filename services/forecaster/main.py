"""Composition root of the forecaster: `run_model_training.py`, `der train`, `der forecast`, and its part of a larger process."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from services.forecaster import handlers
from services.forecaster.files.evaluation_page import evaluation_page
from services.forecaster.service import (
    LEAST_SITES,
    POOLED,
    Evaluation,
    ForecastRun,
    ForecastService,
    PoolStatus,
    SiteStatus,
    TrainingReport,
)
from services.forecaster.settings import ForecasterSettings
from shared.contracts.forecasts import ForecastDocument
from shared.domain.forecast import Forecast, Target
from shared.domain.site import Site
from shared.domain.time import zone
from shared.ports.bill_replay import BillReplay
from shared.runtime.cli import UsageError
from shared.runtime.command import Command, script
from shared.runtime.files import whole_or_none
from shared.runtime.life import run_until_signalled
from shared.runtime.progress import progress
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.table import print_table
from shared.runtime.worker import Parts

SCRIPT_EXAMPLES = """\
  {program} --train                      train every site's models, test them, let the better ones serve
  {program} --train --model-dir models/  keep the models in that folder (else FORECAST_MODEL_DIR, else var/models)
  {program} --evaluate                   every target and horizon against the baselines; nothing is stored
  {program} --status                     which model serves each target, its skill, how fresh its forecast is

environment: FORECAST_MODEL_DIR, FORECAST_TEST_SIZE (share of the history that tests, between 0 and 1)"""

TRAIN_EXAMPLES = """\
  {program}                         train every site's models, test them, let the better ones serve
  {program} --model-dir models/     keep the models in that folder (else FORECAST_MODEL_DIR, else var/models)
  {program} --evaluate              every target and horizon against the baselines; nothing is stored
  {program} --evaluate --report F   the same, and a page with charts: by lead time and hour, calibration
  {program} --rollback load         let the load model before the one that serves serve again
  {program} --status                which model serves each target, its skill, how fresh its forecast is

environment: FORECAST_MODEL_DIR, FORECAST_TEST_SIZE (share of the history that tests, between 0 and 1)"""

FORECAST_EXAMPLES = """\
  {program} --site home          forecast the next 48 h and print them by the hour with their band
  {program} --site home --json   the same as JSON
  {program} --continuous         forecast and train for every site until Ctrl-C: on messages, every hour, every day"""

NO_SITE = "there is no site yet: run run_simulator.py --once (or der import FILE --site ID), then run_cloud_sync.py --once"
NO_FEATURES = "run run_feature_engineering.py --once first"


PlannerOf = Callable[[Resources], BillReplay]
"""The planner that judges models in money, where a deployment has one."""


def build(resources: Resources, *, model_dir: Path | None = None, planner: PlannerOf | None = None) -> ForecastService:
    """The service on these resources; models in another folder where one is given."""
    return ForecastService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        features=resources.features,
        forecasts=resources.forecasts,
        models=resources.models if model_dir is None else resources.models_in(model_dir),
        progress=resources.progress,
        replay=planner(resources) if planner else None,
    )


def parts(resources: Resources, *, planner: PlannerOf | None = None) -> Parts:
    """What the forecaster brings to a process."""
    settings = load(ForecasterSettings)
    return handlers.parts(
        build(resources, planner=planner),
        jobs=resources.jobs,
        clock=resources.clock,
        test_share=settings.test_size,
        lease=resources.job_lease,
    )


def add_script_arguments(parser: argparse.ArgumentParser) -> None:
    """The root script's: exactly one mode."""
    _add_train_options(parser, mode_required=True)


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `der train`: without a mode it trains."""
    mode = _add_train_options(parser, mode_required=False)
    mode.add_argument("--rollback", type=Target, choices=list(Target), help="go back to the model that served before, else a baseline")
    parser.add_argument("--site", metavar="ID", help="this site alone (default: all)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="with --evaluate: write a page with charts there")


def _add_train_options(parser: argparse.ArgumentParser, *, mode_required: bool) -> argparse._MutuallyExclusiveGroup:
    mode = parser.add_mutually_exclusive_group(required=mode_required)
    mode.add_argument("--train", action="store_true", help="train, test and promote models")
    mode.add_argument("--evaluate", action="store_true", help="test models against the baselines, store nothing")
    mode.add_argument("--status", action="store_true", help="show which models serve")
    parser.add_argument("--model-dir", type=Path, metavar="DIR", help="folder of the models (default: FORECAST_MODEL_DIR, else var/models)")
    return mode


def execute_train(options: argparse.Namespace, resources: Resources, *, planner: PlannerOf | None = None) -> int:
    report_file = getattr(options, "report", None)  # the subcommand's, like the site and the way back
    if report_file is not None and not options.evaluate:
        raise UsageError("--report belongs to --evaluate: give both")
    settings = load(ForecasterSettings)
    service = build(resources, model_dir=_folder(options.model_dir), planner=planner)
    sites = _sites(service, getattr(options, "site", None))
    if options.status:
        statuses = [service.status(site_id=site.site_id, now=resources.clock.now_at(site)) for site in sites]
        _print_status(statuses)
        _print_pools(service.pools(), statuses)
        return 0
    if target := getattr(options, "rollback", None):
        for site in sites:
            version = service.roll_back(site_id=site.site_id, target=target, now=resources.clock.now_at(site))
            print(f"{site.site_id} {target}: {version or 'a baseline'} serves again")
        return 0
    learnable = _with_features(resources, sites)
    if not options.evaluate and len(learnable) >= LEAST_SITES and getattr(options, "site", None) is None:
        _train_pools(service, resources)
    evaluated: dict[str, Sequence[Evaluation]] = {}
    for site in learnable:
        now = resources.clock.now_at(site)
        work = service.planned_fits(site_id=site.site_id, now=now, test_share=settings.test_size)
        verb = "Evaluating" if options.evaluate else "Training"
        with progress(f"{verb} {site.site_id}", work) as advance:
            if options.evaluate:
                evaluations = service.evaluate(site_id=site.site_id, now=now, test_share=settings.test_size, progress=advance)
            else:
                report = service.train(site_id=site.site_id, now=now, test_share=settings.test_size, progress=advance)
        if options.evaluate:
            _print_evaluations(site.site_id, evaluations)
            evaluated[site.site_id] = evaluations
        else:
            _print_training(report)
    if report_file is not None:
        _write_report(report_file, evaluated)
    return 0


def _train_pools(service: ForecastService, resources: Resources) -> None:
    """What sites share, before each adapts to it."""
    with progress("Training what all sites share", 1) as advance:
        done = service.train_pools(now=resources.clock.now(), threads=os.cpu_count() or 1)
        advance(1)
    rows = [(each.target, each.sites, each.model_version, "" if each.model_version else "too few sites with six weeks") for each in done]
    print_table(("shared", "sites", "version", "remarks"), rows)


def _write_report(path: Path, evaluated: Mapping[str, Sequence[Evaluation]]) -> None:
    """Raises `UsageError` where nothing can be written."""
    documents = {site_id: [each.document for each in found if each.document is not None] for site_id, found in evaluated.items()}
    notes = [f"{site_id}, {each.target}: {each.reason}." for site_id, found in evaluated.items() for each in found if each.document is None]
    with whole_or_none(path, option="--report") as file:
        file.write_text(evaluation_page(documents, notes=notes), "utf-8")
    print(f"wrote {path}", file=sys.stderr)


def add_forecast_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--site", metavar="ID", help="this site alone (default: all)")
    what.add_argument("--continuous", action="store_true", help="keep forecasts and models of all sites up to date until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def execute_forecast(options: argparse.Namespace, resources: Resources, *, planner: PlannerOf | None = None) -> int:
    if options.continuous:
        return run_until_signalled(resources, [parts(resources, planner=planner)])
    service = build(resources)
    documents = []
    sites = {site.site_id: site for site in _with_features(resources, _sites(service, options.site))}
    runs = service.forecast_many({site_id: resources.clock.now_at(site) for site_id, site in sites.items()})
    for run in sorted(runs, key=lambda run: run.site_id):
        if options.json:
            documents += [ForecastDocument.from_domain(forecast).model_dump(mode="json") for forecast in run.forecasts]
        else:
            _print_forecasts(run, timezone=sites[run.site_id].timezone)
    if options.json:
        print(json.dumps(documents, indent=1))
    return 0


def _sites(service: ForecastService, site_id: str | None) -> Sequence[Site]:
    """The named site or all of them. Raises `UsageError` for an empty store."""
    if not service.sites():
        raise UsageError(NO_SITE)
    return [service.site(site_id=site_id)] if site_id is not None else service.sites()


def _with_features(resources: Resources, sites: Sequence[Site]) -> Sequence[Site]:
    """The sites that have features. Raises `UsageError` where none has."""
    found = [site for site in sites if resources.features.extent(site_id=site.site_id) is not None]
    if not found:
        names = ", ".join(repr(site.site_id) for site in sites)
        raise UsageError(f"site {names} has no features yet: {NO_FEATURES}")
    return found


def _folder(model_dir: Path | None) -> Path | None:
    if model_dir is not None and model_dir.exists() and not model_dir.is_dir():
        raise UsageError(f"--model-dir is {str(model_dir)!r}: that is a file; name a folder")
    return model_dir


def _print_training(report: TrainingReport) -> None:
    columns = ("site", "target", "serves now", "skill", "nMAE", "80 % band holds", "saves", "test days", "why")
    print_table(
        columns,
        [
            (
                report.site_id,
                result.target,
                "yes" if result.promoted else "no",
                _percent(result.skill),
                _percent(result.metrics.get("nmae")),
                _percent(result.metrics.get("coverage_80")),
                _percent(result.metrics.get("bill_saving")),
                result.metrics.get("test_days"),
                result.reason,
            )
            for result in report.targets
        ],
    )


def _print_evaluations(site_id: str, evaluations: Sequence[Evaluation]) -> None:
    columns = ("site", "target", "horizon", "forecaster", "pinball", "MAE", "nMAE", "80 % band holds", "its width", "steps")
    rows: list[Sequence[object]] = []
    for evaluation in evaluations:
        if not evaluation.scores:
            rows.append((site_id, evaluation.target, None, evaluation.reason, *(None,) * 6))
        rows += [
            (
                site_id,
                evaluation.target,
                score.horizon,
                score.name,
                f"{score.pinball:.4f}",
                f"{score.mae:.4f}",
                _percent(score.nmae),
                _percent(score.coverage_80),
                f"{score.width_80:.3f}",
                score.rows,
            )
            for score in evaluation.scores
        ]
    print_table(columns, rows)


def _print_status(statuses: Sequence[SiteStatus]) -> None:
    columns = ("site", "target", "model", "version", "trained", "skill", "saves", "last forecast", "data until", "remarks")
    rows = [
        (
            status.site_id,
            each.target,
            each.model_name,
            each.model_version,
            each.trained_at,
            _percent(each.skill),
            _percent(each.bill_saving),
            each.issued_at,
            each.data_as_of,
            "; ".join(each.problems) if status.feature_rows else f"no features yet: {NO_FEATURES}",
        )
        for status in statuses
        for each in status.targets
    ]
    print_table(columns, rows)


def _print_pools(pools: Sequence[PoolStatus], statuses: Sequence[SiteStatus]) -> None:
    """Nothing where sites share no model."""
    served = Counter(each.target for status in statuses for each in status.targets if each.model_name == POOLED)
    rows = [(pool.target, pool.model_version, pool.trained_at, pool.sites, served[pool.target]) for pool in pools]
    if rows:
        print()
        print_table(("shared by all sites", "version", "trained", "learned from sites", "serves of these sites"), rows)


def _print_forecasts(run: ForecastRun, *, timezone: str) -> None:
    for forecast in run.forecasts:
        skill = "" if forecast.skill is None else f", skill {_percent(forecast.skill)} over the best baseline"
        print(f"{run.site_id} {forecast.target}: {forecast.model_name} {forecast.model_version}{skill}")
        for reason in forecast.degraded:
            print(f"  note: {reason}")
    units = {Target.PRICE: "per kWh"}
    headings = [f"{forecast.target} {units.get(forecast.target, 'kW')} (80 % band)" for forecast in run.forecasts]
    hours = [_hourly(forecast) for forecast in run.forecasts]
    grid = run.forecasts[0].grid
    per_hour = max(1, timedelta(hours=1) // grid.step)
    starts = [grid[index].astimezone(zone(timezone)) for index in range(0, grid.count, per_hour)]
    print_table(
        (f"hour ({timezone})", *headings), [(f"{start:%a %d %b %H:%M}", *cells) for start, *cells in zip(starts, *hours, strict=True)]
    )


def _hourly(forecast: Forecast) -> list[str]:
    """Hourly means of the median and the 80 % band, as text."""
    per_hour = max(1, timedelta(hours=1) // forecast.grid.step)
    low, middle, high = (forecast.quantile(level).reshape(-1, per_hour).mean(axis=1) for level in (0.1, 0.5, 0.9))
    digits = 4 if forecast.target is Target.PRICE else 2
    return [f"{m:.{digits}f} ({a:.{digits}f} to {b:.{digits}f})" for a, m, b in zip(low, middle, high, strict=True)]


def _percent(share: float | None) -> str | None:
    return None if share is None or share != share else f"{100 * share:.1f} %"  # noqa: PLR0124 - NaN differs from itself


TRAIN = Command(
    name="train",
    summary="Train and evaluate the models that forecast load, solar and price.",
    examples=TRAIN_EXAMPLES,
    add_arguments=add_train_arguments,
    execute=execute_train,
)
TRAIN_SCRIPT = replace(TRAIN, examples=SCRIPT_EXAMPLES, add_arguments=add_script_arguments)
FORECAST = Command(
    name="forecast",
    summary="Forecast the next 48 hours of load, solar and price.",
    examples=FORECAST_EXAMPLES,
    add_arguments=add_forecast_arguments,
    execute=execute_forecast,
)
COMMANDS: tuple[Command, ...] = (TRAIN, FORECAST)


def cli(argv: Sequence[str] | None = None) -> int:
    return script(TRAIN_SCRIPT, argv)
