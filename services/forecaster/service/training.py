"""Training: test by rolling origin, store, promote or not, and watch what serves."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.forecaster.model.adapted import Adapted
from services.forecaster.model.drift import REFERENCE_FILE
from services.forecaster.model.promotion import Champion, Training, planned_fits, train
from services.forecaster.model.series import Series
from services.forecaster.service.evaluations import evaluation_of
from services.forecaster.service.money import judged_in_money
from services.forecaster.service.pooling import TARGETS as POOLED
from services.forecaster.service.pooling import PooledModel, PoolTraining
from services.forecaster.service.registry import Serving, forerunner, manifest_of, previous_of, prune, stored_versions
from services.forecaster.service.results import Drift, Evaluation, TargetTraining, TrainingReport
from services.forecaster.service.standing import SEED, TRAIN_STEP, WATCH_STEP, Advance, Standing, each_fit
from services.forecaster.service.tables import SiteTable
from shared.contracts.evaluations import EVALUATION_FILE
from shared.domain.forecast import Target
from shared.domain.time import floor_to, instant64
from shared.ports.model_store import POOL, Promotion
from shared.ports.progress_store import Progress

DEFAULT_TEST_SHARE = 0.25
LEARNABLE_AFTER = timedelta(days=2)
"""Of features, for a first training by itself."""
RETRAIN_AFTER = timedelta(days=1)


class Trainer(Standing):
    """Trains, tests, promotes and goes back."""

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
        series = {target: table.series(target) for target in table.targets}
        serves = {target: self._serving(table, target) for target in series}
        tests = {
            target: self._test(own, table, now=now, test_share=test_share, found=serves[target], progress=progress)
            for target, own in series.items()
        }
        judged = judged_in_money(self._replay, site_id=site_id, series=series, tests=tests)
        results = [self._concluded(table, own, now, serves[target], judged[target]) for target, own in series.items()]
        for each in results:
            self._note(f"{TRAIN_STEP}.{each.target}", site_id, now, watermark=now, rows=int(each.promoted))
        self._note(TRAIN_STEP, site_id, now, watermark=floor_to(now, table.site.resolution), rows=sum(each.promoted for each in results))
        return TrainingReport(site_id=site_id, targets=tuple(results))

    def evaluate(
        self, *, site_id: str, now: datetime, test_share: float = DEFAULT_TEST_SHARE, progress: Advance | None = None
    ) -> tuple[Evaluation, ...]:
        """The rolling-origin test of every target against the baselines; nothing is stored."""
        table = self._learnable(site_id, now)
        series = {target: table.series(target) for target in table.targets}
        tests = {
            target: self._test(own, table, now=now, test_share=test_share, found=None, progress=progress) for target, own in series.items()
        }
        judged = judged_in_money(self._replay, site_id=site_id, series=series, tests=tests)
        return tuple(
            Evaluation(
                target=target,
                scores=test.scores,
                test_days=test.test_days,
                reason=test.verdict.reason,
                document=evaluation_of(test, target=target, now=now),
            )
            for target, test in judged.items()
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

    def forget_gone(self) -> list[str]:
        """Remove the models of sites that are there no more, and say whose; nothing where no site is known, which is hardly meant."""
        known = {site.site_id for site in self._sites.list()}
        gone = [owner for owner in self._models.owners() if known and owner not in {*known, POOL}]
        for owner in gone:
            self._models.forget(owner)
        return gone

    def train_pools(self, *, now: datetime, threads: int = 1) -> list[PoolTraining]:
        """Learn anew what all sites have in common; each site adapts to it when it is trained next."""
        return [self._pools.train(target, now=now, threads=threads) for target in POOLED]

    def are_pools_due(self, *, now: datetime) -> bool:
        """Whether there are sites enough to share something, and nothing was learned from them for a day."""
        return self._pools.are_due(now=now)

    def _concluded(self, table: SiteTable, series: Series, now: datetime, found: Serving, result: Training) -> TargetTraining:
        """Store what was tested, promote it or go back."""
        target, site_id = series.target, table.site.site_id
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
            pooled = self._pool(table, series.target, [])
            champion = _champion(series, found, pooled)
            replaced = forerunner(
                self._models,
                owner=table.site.site_id,
                target=series.target,
                catalog_version=table.catalog_version,
                serves=found.manifest.model_version,
                shared=pooled.whole if pooled else None,
            )
            previous = _champion(series, replaced, pooled)
        return train(
            series,
            now=series.index_of(instant64(now)),
            rating_kw=table.rating_kw,
            test_share=test_share,
            seed=SEED,
            champion=champion,
            previous=previous,
            on_fit=each_fit(progress),
            kinds=self._kinds(table, series.target),
        )


def _champion(series: Series, found: Serving | None, pooled: PooledModel | None) -> Champion | None:
    """What serves, as it can be judged: one that adapts the model of all sites stands on the version that had not seen the last weeks."""
    if found is None or found.model is None or found.manifest is None:
        return None
    model, data_end = found.model, series.index_of(instant64(found.manifest.data_end))
    if isinstance(model, Adapted):
        if pooled is None:
            return None
        model, data_end = replace(model, shared=pooled.proof), max(data_end, series.index_of(pooled.proof_end))
    return Champion(model=model, data_end=data_end, reference=found.reference)
