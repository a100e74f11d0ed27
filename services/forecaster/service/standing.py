"""What serves a site, from the stores: what every use case begins with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.forecaster.model.kind import Kind
from services.forecaster.model.price_kind import PriceKind
from services.forecaster.model.promotion import OWN
from services.forecaster.model.solar_kind import SolarKind
from services.forecaster.service.pooling import ROWS as POOL_ROWS
from services.forecaster.service.pooling import PooledModel, Pools
from services.forecaster.service.registry import Serving, serving
from services.forecaster.service.results import NothingToForecastError, UnknownSiteError
from services.forecaster.service.tables import SiteTable, read_table
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.ports.bill_replay import BillReplay
from shared.ports.feature_store import FeatureStore
from shared.ports.forecast_store import ForecastStore
from shared.ports.model_store import ModelStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.site_store import SiteStore, TariffStore

Advance = Callable[[int], None]
"""Called with the number of fits just done."""

SEED = 1
KINDS: dict[Target, tuple[Kind, ...]] = {Target.LOAD: (OWN,), Target.SOLAR: (OWN, SolarKind()), Target.PRICE: (OWN, PriceKind())}
"""What is tried for each target of a site by itself."""
ENOUGH_SITES = 10
"""So many sites that what they share beats what one of them shows."""
FORECAST_STEP = "forecast"
TRAIN_STEP = "train"
WATCH_STEP = "watch"
"""The look for drift: its alarm is the step's last error, its digest the version that was watched."""


class Standing:
    """The stores of the forecaster, and what serves each site by them."""

    def __init__(
        self,
        *,
        sites: SiteStore,
        tariffs: TariffStore,
        features: FeatureStore,
        forecasts: ForecastStore,
        models: ModelStore,
        progress: ProgressStore,
        replay: BillReplay | None = None,
        pool_rows: int = POOL_ROWS,
    ) -> None:
        """Without a `replay` models are judged by their errors alone; `pool_rows` is how much is learned from all sites together."""
        self._sites = sites
        self._tariffs = tariffs
        self._features = features
        self._forecasts = forecasts
        self._models = models
        self._progress = progress
        self._replay = replay
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

    def _past_kinds(self, table: SiteTable, target: Target) -> tuple[Kind, ...]:
        """What could have served in the past: a model that sites share may speak of the weeks alone that its proof had not seen."""
        pooled = self._pool(table, target, [])
        return KINDS[target] if pooled is None else (*KINDS[target], pooled.kind)

    def _learnable(self, site_id: str, now: datetime) -> SiteTable:
        site = self.site(site_id=site_id)
        table = read_table(self._features, site, self._tariffs.get(site_id), first=now, last=now)
        if table.frame.empty:
            raise NothingToForecastError(f"site {site_id!r} has no features yet: run run_feature_engineering.py --once first")
        return table

    def _untested(self, site_id: str, target: Target, found: Serving) -> tuple[str, ...]:
        """Why a baseline serves for want of a trained model; nothing where one was trained and the baseline did better."""
        tested = self._progress.get(step=f"{TRAIN_STEP}.{target}", site_id=site_id) is not None
        return () if tested or found.problems or found.model is not None else ("no model has been trained yet",)

    def _note(self, step: str, site_id: str, now: datetime, *, watermark: datetime, rows: int) -> None:
        before = self._progress.get(step=step, site_id=site_id)
        total = (before.rows if before else 0) + rows
        self._progress.put(Progress(step=step, site_id=site_id, watermark=watermark, updated_at=now, rows=total))


def each_fit(progress: Advance | None) -> Callable[[], None]:
    """A call without arguments for every fit."""
    return lambda: progress(1) if progress else None
