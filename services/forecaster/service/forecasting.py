"""`ForecastService`: the use cases on ports only."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from services.forecaster.model import adapted
from services.forecaster.model import hindcast as past
from services.forecaster.model.answer import Forecaster, answer
from services.forecaster.model.doubts import doubts
from services.forecaster.model.drift import REFERENCE_FILE
from services.forecaster.model.fallback import PREFIX, VERSION, fallback, missing_reasons
from services.forecaster.model.kind import Kind
from services.forecaster.model.limits import limits
from services.forecaster.model.price_kind import PriceKind
from services.forecaster.model.promotion import OWN, Champion, Training, planned_fits, train
from services.forecaster.model.series import COLUMNS, Series
from services.forecaster.service.evaluations import evaluation_of
from services.forecaster.service.pooling import ROWS as POOL_ROWS
from services.forecaster.service.pooling import TARGETS as POOLED
from services.forecaster.service.pooling import PooledModel, Pools, PoolTraining
from services.forecaster.service.registry import Serving, champion_of, forerunner, manifest_of, previous_of, prune, serving, stored_versions
from services.forecaster.service.results import (
    Drift,
    Evaluation,
    ForecastRun,
    HindcastReport,
    NothingToForecastError,
    SiteStatus,
    TargetStatus,
    TargetTraining,
    TrainingReport,
    UnknownSiteError,
)
from services.forecaster.service.tables import HORIZON, SiteTable, read_table
from shared.contracts.evaluations import EVALUATION_FILE
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.site import Site
from shared.domain.time import TimeGrid, floor_to, from_instant64, instant64
from shared.ports.feature_store import FeatureStore
from shared.ports.forecast_store import ForecastStore
from shared.ports.model_store import ModelStore, Promotion
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.site_store import SiteStore, TariffStore

Advance = Callable[[int], None]
"""Called with the number of fits just done."""

DEFAULT_TEST_SHARE = 0.25
STALE_AFTER = timedelta(hours=3)
LEARNABLE_AFTER = timedelta(days=2)
"""Of features, for a first training by itself."""
RETRAIN_AFTER = timedelta(days=1)
SEED = 1
KINDS: dict[Target, tuple[Kind, ...]] = {Target.LOAD: (OWN,), Target.SOLAR: (OWN,), Target.PRICE: (OWN, PriceKind())}
"""What is tried for each target of a site by itself."""
ENOUGH_SITES = 10
"""So many sites that what they share beats what one of them shows."""
FORECAST_STEP = "forecast"
TRAIN_STEP = "train"
WATCH_STEP = "watch"
"""The look for drift: its alarm is the step's last error, its digest the version that was watched."""


class ForecastService:
    """Trains, forecasts, replays and judges the forecasts of sites."""

    def __init__(
        self,
        *,
        sites: SiteStore,
        tariffs: TariffStore,
        features: FeatureStore,
        forecasts: ForecastStore,
        models: ModelStore,
        progress: ProgressStore,
        pool_rows: int = POOL_ROWS,
    ) -> None:
        """`pool_rows` is how much is learned from all sites together."""
        self._sites = sites
        self._tariffs = tariffs
        self._features = features
        self._forecasts = forecasts
        self._models = models
        self._progress = progress
        self._pools = Pools(sites=sites, features=features, models=models, rows=pool_rows)

    def sites(self) -> list[Site]:
        """Every site, sorted by id."""
        return self._sites.list()

    def site(self, *, site_id: str) -> Site:
        """Raises `UnknownSiteError`."""
        site = self._sites.get(site_id)
        if site is None:
            known = ", ".join(each.site_id for each in self._sites.list()) or "none yet"
            raise UnknownSiteError(f"site is {site_id!r}: the store knows {known}")
        return site

    def is_training_due(self, *, site_id: str, now: datetime) -> bool:
        """Whether the site has enough to learn from, and has learned nothing for a day."""
        known = self._features.extent(site_id=site_id)
        if known is None or min(known[0].end, now) - known[0].start < LEARNABLE_AFTER:
            return False
        trained = self._progress.get(step=TRAIN_STEP, site_id=site_id)
        return trained is None or now - trained.updated_at >= RETRAIN_AFTER

    def train(
        self, *, site_id: str, now: datetime, test_share: float = DEFAULT_TEST_SHARE, progress: Advance | None = None
    ) -> TrainingReport:
        """Train and test every target; promote what passes the gate. Raises `NothingToForecastError` without features."""
        table = self._learnable(site_id, now)
        results = [self._train_target(table, target, now, test_share, progress) for target in table.targets]
        for each in results:
            self._note(f"{TRAIN_STEP}.{each.target}", site_id, now, watermark=now, rows=int(each.promoted))
        self._note(TRAIN_STEP, site_id, now, watermark=floor_to(now, table.site.resolution), rows=sum(each.promoted for each in results))
        return TrainingReport(site_id=site_id, targets=tuple(results))

    def evaluate(
        self, *, site_id: str, now: datetime, test_share: float = DEFAULT_TEST_SHARE, progress: Advance | None = None
    ) -> tuple[Evaluation, ...]:
        """The rolling-origin test of every target against the baselines; nothing is stored."""
        table = self._learnable(site_id, now)
        tests = {
            target: self._test(table.series(target), table, now=now, test_share=test_share, found=None, progress=progress)
            for target in table.targets
        }
        return tuple(
            Evaluation(
                target=target,
                scores=test.scores,
                test_days=test.test_days,
                reason=test.verdict.reason,
                document=evaluation_of(test, target=target, now=now),
            )
            for target, test in tests.items()
        )

    def roll_back(self, *, site_id: str, target: Target, now: datetime) -> str | None:
        """Let the version before the champion serve again; a baseline (None) where there was none."""
        self.site(site_id=site_id)
        previous = previous_of(self._models, site_id, target)
        self._promote(site_id, target, previous, now, "a person went back to it")
        return previous

    def planned_fits(self, *, site_id: str, now: datetime, test_share: float = DEFAULT_TEST_SHARE) -> int:
        """How much work `train` or `evaluate` is: what their `progress` is told adds up to this."""
        table = self._learnable(site_id, now)
        every = [table.series(target) for target in table.targets]
        return sum(
            planned_fits(series, now=series.index_of(instant64(now)), test_share=test_share, kinds=self._kinds(table, series.target))
            for series in every
        )

    def forecast(self, *, site_id: str, now: datetime, run: str = "live") -> ForecastRun:
        """48 h of every target from the step of `now`, by the champion or a named baseline; stored. Always served."""
        site = self.site(site_id=site_id)
        table = read_table(self._features, site, self._tariffs.get(site_id), first=now, last=now)
        forecasts = tuple(self._forecast_target(table, target, now) for target in table.targets)
        self._forecasts.put(forecasts, run=run)
        self._note(FORECAST_STEP, site_id, now, watermark=floor_to(now, site.resolution), rows=len(forecasts))
        return ForecastRun(site_id=site_id, issued_at=now, forecasts=forecasts)

    def forecast_if_due(self, *, site_id: str, now: datetime) -> ForecastRun | None:
        """`forecast`, unless a live one was issued in the same clock hour: then None."""
        newest = self._forecasts.latest(site_id=site_id, target=Target.LOAD, as_of=now)
        hour = timedelta(hours=1)
        if newest is not None and floor_to(newest.issued_at, hour) == floor_to(now, hour):
            return None
        return self.forecast(site_id=site_id, now=now)

    def forecast_with(self, *, site_id: str, target: Target, model_version: str, now: datetime) -> ForecastRun | None:
        """`forecast`, unless the newest live one of that target was made by this version already: then None."""
        newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now)
        if newest is not None and newest.model_version == model_version:
            return None
        return self.forecast(site_id=site_id, now=now)

    def unused_models(self, *, site_id: str, now: datetime) -> list[tuple[Target, str]]:
        """Versions that serve a target whose newest live forecast was made by another."""
        found = []
        for target in Target:
            version = champion_of(self._models, site_id, target)
            newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now) if version else None
            if version and newest and newest.model_version != version:
                found.append((target, version))
        return found

    def hindcast(
        self,
        *,
        site_id: str,
        issue_times: Sequence[datetime],
        refit_every: timedelta = timedelta(days=7),
        progress: Advance | None = None,
    ) -> HindcastReport:
        """Forecasts as they would have been issued at past moments, stored with `run="hindcast"`.

        Each issue knows what was known then, each model what was known at its refit, at least a day (and here a week) apart.
        """
        site = self.site(site_id=site_id)
        step = site.resolution
        moments = sorted({floor_to(moment, step) for moment in issue_times})
        if not moments:
            return HindcastReport(site_id=site_id, issues=0, targets=(), refits=0, model_names={})
        table = read_table(self._features, site, self._tariffs.get(site_id), first=moments[0], last=moments[-1])
        names: dict[Target, tuple[str, ...]] = {}
        refits = 0
        for target in table.targets:
            series = table.series(target)
            issues = np.array([series.index_of(instant64(moment)) for moment in moments])
            served = past.hindcast(
                series,
                issues,
                rating_kw=table.rating_kw,
                refit_days=max(1, refit_every // timedelta(days=1)),
                seed=SEED,
                on_fit=_each(progress),
            )
            self._forecasts.put(_past_forecasts(series, site_id, served), run="hindcast")
            names[target] = tuple(each.model_name for each in served)
            refits += len(served)
        return HindcastReport(site_id=site_id, issues=len(moments), targets=table.targets, refits=refits, model_names=names)

    def status(self, *, site_id: str, now: datetime) -> SiteStatus:
        """What serves each target and how fresh everything is."""
        site = self.site(site_id=site_id)
        table = read_table(self._features, site, self._tariffs.get(site_id), first=now, last=now)
        extent = self._features.extent(site_id=site_id)
        training = self._progress.get(step=TRAIN_STEP, site_id=site_id)
        return SiteStatus(
            site_id=site_id,
            feature_rows=extent[1] if extent else 0,
            features_until=extent[0].end if extent else None,
            last_training=training.updated_at if training else None,
            targets=tuple(self._target_status(table, target, now) for target in table.targets),
        )

    def train_pools(self, *, now: datetime, threads: int = 1) -> list[PoolTraining]:
        """Learn anew what all sites have in common; each site adapts to it when it is trained next."""
        return [self._pools.train(target, now=now, threads=threads) for target in POOLED]

    def are_pools_due(self, *, now: datetime) -> bool:
        """Whether there are sites enough to share something, and nothing was learned from them for a day."""
        return self._pools.are_due(now=now)

    def _pool(self, table: SiteTable, target: Target, problems: list[str]) -> PooledModel | None:
        return self._pools.of(target, catalog_version=table.catalog_version, problems=problems)

    def _serving(self, table: SiteTable, target: Target) -> Serving:
        """What serves a site; before its first training the model of all sites as it is."""
        problems: list[str] = []
        pooled = self._pool(table, target, problems)
        site_id = table.site.site_id
        found = serving(
            self._models, owner=site_id, target=target, catalog_version=table.catalog_version, shared=pooled.whole if pooled else None
        )
        return replace(found, problems=(*problems, *found.problems))

    def _kinds(self, table: SiteTable, target: Target) -> tuple[Kind, ...]:
        """What is tried for a site: where many share a model, it is not worth its time to learn trees of its own."""
        pooled = self._pool(table, target, [])
        if pooled is None:
            return KINDS[target]
        return (pooled.kind,) if pooled.sites >= ENOUGH_SITES else (*KINDS[target], pooled.kind)

    def _learnable(self, site_id: str, now: datetime) -> SiteTable:
        site = self.site(site_id=site_id)
        table = read_table(self._features, site, self._tariffs.get(site_id), first=now, last=now)
        if table.frame.empty:
            raise NothingToForecastError(f"site {site_id!r} has no features yet: run run_feature_engineering.py --once first")
        return table

    def _train_target(self, table: SiteTable, target: Target, now: datetime, test_share: float, progress: Advance | None) -> TargetTraining:
        series, site_id = table.series(target), table.site.site_id
        found = self._serving(table, target)
        result = self._test(series, table, now=now, test_share=test_share, found=found, progress=progress)
        version, promoted, reason = "", result.verdict.promoted, result.verdict.reason
        if result.model is not None and result.reference is not None:
            files = result.model.to_files()
            manifest = manifest_of(
                result.model,
                files,
                series,
                owner=site_id,
                now=now,
                data_end=floor_to(now, table.site.resolution),
                catalog_version=table.catalog_version,
                metrics=result.metrics,
            )
            version = manifest.model_version
            if found.manifest is not None and found.manifest.model_version == version:
                promoted, reason = False, "the champion already is this very model"
            evaluation = evaluation_of(result, target=target, now=now)
            if evaluation is not None and version not in stored_versions(self._models, site_id, target):
                extra = {EVALUATION_FILE: evaluation.model_dump_json().encode(), REFERENCE_FILE: result.reference.to_bytes()}
                self._models.save(manifest, {**files, **extra})
            if promoted:
                self._promote(site_id, target, version, now, reason)
            elif result.champion_return is not None:
                back = previous_of(self._models, site_id, target) if result.champion_return.to_previous else None
                self._promote(site_id, target, back, now, result.champion_return.reason)
                reason = f"{reason}; {back or 'a baseline'} serves again: {result.champion_return.reason}"
            prune(self._models, site_id, target)
        drift = self._watch(site_id, target, now, found, result, stays=not promoted and result.champion_return is None)
        return TargetTraining(
            target=target,
            model_name=result.model.name if result.model else "",
            model_version=version,
            promoted=promoted,
            reason=reason,
            skill=result.skill,
            metrics=result.metrics,
            scores=result.scores,
            drift=drift,
        )

    def _promote(self, site_id: str, target: Target, version: str | None, now: datetime, reason: str) -> None:
        self._models.promote(owner=site_id, target=target, promotion=Promotion(model_version=version, promoted_at=now, reason=reason))

    def _watch(self, site_id: str, target: Target, now: datetime, found: Serving, result: Training, *, stays: bool) -> Drift | None:
        """Note what has changed for the champion, nothing for one that is new; the drift where this was not known."""
        if result.model is None:
            return None
        step, version = f"{WATCH_STEP}.{target}", found.manifest.model_version if found.manifest else ""
        alarm = "; ".join(result.champion_alarms or ()) or None
        before = self._progress.get(step=step, site_id=site_id)
        known = before is not None and before.last_error is not None and before.digest == version
        self._progress.put(Progress(step=step, site_id=site_id, updated_at=now, last_error=alarm if stays else None, digest=version))
        return Drift(model_version=version, alarm=alarm, still_serves=stays) if alarm and not known else None

    def _test(
        self, series: Series, table: SiteTable, *, now: datetime, test_share: float, found: Serving | None, progress: Advance | None
    ) -> Training:
        champion = previous = None
        if found is not None and found.manifest is not None:
            champion = _champion(series, found)
            previous = _champion(
                series,
                forerunner(
                    self._models,
                    owner=table.site.site_id,
                    target=series.target,
                    catalog_version=table.catalog_version,
                    serves=found.manifest.model_version,
                ),
            )
        return train(
            series,
            now=series.index_of(instant64(now)),
            rating_kw=table.rating_kw,
            test_share=test_share,
            seed=SEED,
            champion=champion,
            previous=previous,
            on_fit=_each(progress),
            kinds=self._kinds(table, series.target),
        )

    def _forecast_target(self, table: SiteTable, target: Target, now: datetime) -> Forecast:
        series = table.series(target)
        issue = series.index_of(instant64(now))
        known = min(series.known_live(issue), issue) if series.published is not None else series.known_live(issue)
        found = self._serving(table, target)
        reasons = list(found.problems)
        forecaster: Forecaster
        usable = known > 0
        if found.model is not None and found.manifest is not None and usable:
            forecaster, name, version = found.model, found.manifest.model_name, found.manifest.model_version
            skill = found.manifest.metrics.get("skill")
            reasons += missing_reasons(series, known)
        elif usable and (untested := self._untested(table.site.site_id, target, found)) and (pooled := self._pool(table, target, reasons)):
            bounds = limits(series, known=known, rating_kw=table.rating_kw)
            forecaster = adapted.Adapted(shared=pooled.whole, target=target, limits=bounds)
            name, version, skill = adapted.MODEL_NAME, pooled.version, None
            reasons += [f"{reason}: that of {pooled.sites} other sites serves" for reason in untested]
        else:
            plain = fallback(series, until=issue, rating_kw=table.rating_kw)
            forecaster, name, version, skill = plain, f"{PREFIX}:{plain.name}", VERSION, None
            reasons += [*self._untested(table.site.site_id, target, found), *plain.reasons]
        reasons += doubts(series, known, rating_kw=table.rating_kw)
        data_as_of = from_instant64(series.time_of(known)) if known > 0 else now
        if now - data_as_of > STALE_AFTER:
            reasons.append(f"the newest {COLUMNS[target]} is {(now - data_as_of) / timedelta(hours=1):.1f} h old")
        return Forecast(
            site_id=table.site.site_id,
            target=target,
            issued_at=now,
            data_as_of=data_as_of,
            model_name=name,
            model_version=version,
            grid=TimeGrid(start=floor_to(now, table.site.resolution), step=table.site.resolution, count=HORIZON // table.site.resolution),
            levels=QUANTILE_LEVELS,
            values=answer(series, forecaster, issues=np.array([issue]), rating_kw=table.rating_kw, live=True)[0],
            skill=skill,
            degraded=tuple(dict.fromkeys(reasons)),
        )

    def _untested(self, site_id: str, target: Target, found: Serving) -> tuple[str, ...]:
        """Why a baseline serves for want of a trained model; nothing where one was trained and the baseline did better."""
        tested = self._progress.get(step=f"{TRAIN_STEP}.{target}", site_id=site_id) is not None
        return () if tested or found.problems or found.model is not None else ("no model has been trained yet",)

    def _target_status(self, table: SiteTable, target: Target, now: datetime) -> TargetStatus:
        site_id = table.site.site_id
        found = self._serving(table, target)
        newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now)
        manifest = found.manifest
        return TargetStatus(
            target=target,
            model_name=manifest.model_name if manifest else "baseline",
            model_version=manifest.model_version if manifest else "",
            trained_at=manifest.trained_at if manifest else None,
            skill=manifest.metrics.get("skill") if manifest else None,
            issued_at=newest.issued_at if newest else None,
            data_as_of=newest.data_as_of if newest else None,
            problems=(*found.problems, *self._untested(site_id, target, found), *self._drifting(site_id, target)),
        )

    def _drifting(self, site_id: str, target: Target) -> tuple[str, ...]:
        watch = self._progress.get(step=f"{WATCH_STEP}.{target}", site_id=site_id)
        return (f"drift: {watch.last_error}",) if watch and watch.last_error else ()

    def _note(self, step: str, site_id: str, now: datetime, *, watermark: datetime, rows: int) -> None:
        before = self._progress.get(step=step, site_id=site_id)
        total = (before.rows if before else 0) + rows
        self._progress.put(Progress(step=step, site_id=site_id, watermark=watermark, updated_at=now, rows=total))


def _champion(series: Series, found: Serving | None) -> Champion | None:
    if found is None or found.model is None or found.manifest is None:
        return None
    if found.manifest.model_name == adapted.MODEL_NAME:
        return None  # the model of all sites has been learned anew since, perhaps from the very days of the test: no fair duel
    return Champion(model=found.model, data_end=series.index_of(instant64(found.manifest.data_end)), reference=found.reference)


def _each(progress: Advance | None) -> Callable[[], None]:
    return lambda: progress(1) if progress else None


def _past_forecasts(series: Series, site_id: str, served: Sequence[past.Served]) -> list[Forecast]:
    forecasts = []
    for block in served:
        known = np.minimum(series.known_at(block.issues), block.issues)
        version = f"refit-{from_instant64(series.time_of(block.until)):%Y%m%dT%H%M}"
        for issue, newest, values in zip(block.issues, known, block.quantiles, strict=True):
            start = from_instant64(series.time_of(int(issue)))
            forecasts.append(
                Forecast(
                    site_id=site_id,
                    target=series.target,
                    issued_at=start,
                    data_as_of=from_instant64(series.time_of(int(newest))) if newest > 0 else start,
                    model_name=block.model_name,
                    model_version=version,
                    grid=TimeGrid(start=start, step=series.step, count=values.shape[1]),
                    levels=QUANTILE_LEVELS,
                    values=values,
                    skill=block.skill,
                    degraded=block.reasons,
                )
            )
    return forecasts
