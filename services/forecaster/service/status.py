"""How things stand, told from the stores."""

from datetime import datetime

from services.forecaster.model.adapted import MODEL_NAME
from services.forecaster.service.results import PoolStatus, SiteStatus, TargetStatus
from services.forecaster.service.standing import TRAIN_STEP, WATCH_STEP, Standing
from services.forecaster.service.tables import SiteTable, read_table
from shared.domain.forecast import Target


class StatusTeller(Standing):
    """Tells what serves each target of a site, and since when."""

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

    def pools(self) -> list[PoolStatus]:
        """What all sites share."""
        return self._pools.standing()

    def _target_status(self, table: SiteTable, target: Target, now: datetime) -> TargetStatus:
        site_id = table.site.site_id
        found = self._serving(table, target)
        newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now)
        manifest, untested = found.manifest, self._untested(site_id, target, found)
        pooled = self._pool(table, target, []) if untested else None
        return TargetStatus(
            target=target,
            model_name=manifest.model_name if manifest else MODEL_NAME if pooled else "baseline",
            model_version=manifest.model_version if manifest else pooled.version if pooled else "",
            trained_at=manifest.trained_at if manifest else None,
            skill=manifest.metrics.get("skill") if manifest else None,
            bill_saving=manifest.metrics.get("bill_saving") if manifest else None,
            issued_at=newest.issued_at if newest else None,
            data_as_of=newest.data_as_of if newest else None,
            problems=(*found.problems, *untested, *self._drifting(site_id, target)),
        )

    def _drifting(self, site_id: str, target: Target) -> tuple[str, ...]:
        watch = self._progress.get(step=f"{WATCH_STEP}.{target}", site_id=site_id)
        return (f"drift: {watch.last_error}",) if watch and watch.last_error else ()
