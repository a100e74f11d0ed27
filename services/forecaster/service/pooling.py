"""The models that all sites share: made from every site's table, stored under an owner of their own."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from services.forecaster.model import pool, solar
from services.forecaster.model.adapted import Shared
from services.forecaster.model.history import History
from services.forecaster.model.pooled_kind import PooledKind
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import COLUMNS, series_from_table
from services.forecaster.service.registry import champion_of, promotions_of, prune, versions_of
from services.forecaster.service.results import PoolStatus
from services.forecaster.service.tables import HORIZON, columns_of
from shared.domain.feature import FeatureCatalog
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.time import Interval, floor_to, instant64
from shared.ports.errors import CorruptError, NotFoundError
from shared.ports.feature_store import FeatureStore
from shared.ports.model_store import POOL, ModelManifest, ModelStore, Promotion
from shared.ports.site_store import SiteStore

TARGETS = (Target.LOAD, Target.SOLAR)
"""What sites have in common; a price belongs to its market."""
PROOF_DAYS = 28
"""The last days, on which sites test a model that has not seen them."""
LEAST_SITES = 3
LEAST_DAYS = PROOF_DAYS + 14
SITE_DAYS = 90_000
"""Read for a training at most: a thousand sites for ninety days."""
RETRAIN_AFTER = timedelta(days=1)
FEWEST_DAYS, MOST_DAYS = 90, 400
ROWS = 800_000
SEED = 1
WORDS_FILE = "pool.json"
FORMAT = 1
_WHOLE, _PROOF = "whole-", "proof-"

READERS: dict[Target, Callable[[Mapping[str, bytes]], Shared]] = {Target.LOAD: pool.from_files, Target.SOLAR: solar.from_files}


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledModel:
    """A version of what sites share."""

    version: str
    sites: int
    """From which it was learned."""
    whole: Shared
    proof: Shared
    proof_end: np.datetime64
    catalog_version: str

    @property
    def kind(self) -> PooledKind:
        return PooledKind(proof=self.proof, proof_end=self.proof_end, whole=self.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTraining:
    """What came of one."""

    target: Target
    sites: int
    model_version: str
    """Empty where there was too little to learn from."""


class Pools:
    """Reads, keeps and makes the models that sites share."""

    def __init__(self, *, sites: SiteStore, features: FeatureStore, models: ModelStore, rows: int = ROWS) -> None:
        self._sites, self._features, self._models, self._rows = sites, features, models, rows
        self._read: dict[Target, PooledModel] = {}

    def of(self, target: Target, *, catalog_version: str, problems: list[str]) -> PooledModel | None:
        """The one that serves, where there is one for such tables; why it cannot be read is added to the problems."""
        version = champion_of(self._models, POOL, target) if target in TARGETS else None
        if version is None:
            return None
        known = self._read.get(target)
        if known is None or known.version != version:
            try:
                known = self._read[target] = _pooled(self._models, target, version)
            except (CorruptError, NotFoundError, UnreadableModelError) as problem:
                problems.append(f"the model of all sites: {problem}")
                return None
        return known if known.catalog_version == catalog_version else None

    def standing(self) -> list[PoolStatus]:
        """The models that serve now."""
        found = []
        for target in TARGETS:
            version = champion_of(self._models, POOL, target)
            found += [
                PoolStatus(
                    target=target, model_version=each.model_version, trained_at=each.trained_at, sites=int(each.metrics.get("sites", 0))
                )
                for each in versions_of(self._models, POOL, target, problems=[])
                if each.model_version == version
            ]
        return found

    def are_due(self, *, now: datetime) -> bool:
        """Whether there are sites enough to share something, and nothing was learned from them for a day."""
        if len(self._sites.list()) < LEAST_SITES:
            return False
        newest = [promotion.promoted_at for target in TARGETS for promotion in promotions_of(self._models, POOL, target, problems=[])[-1:]]
        return not newest or now - max(newest) >= RETRAIN_AFTER

    def train(self, target: Target, *, now: datetime, threads: int = 1) -> PoolTraining:
        """Learn from all sites that have enough of the target; the new version serves from now on."""
        found = [(site, catalog) for site in self._sites.list() if (catalog := self._features.catalog(site_id=site.site_id))]
        if not found:
            return PoolTraining(target=target, sites=0, model_version="")
        newest = found[-1][1]
        sites = [site for site, catalog in found if catalog.version == newest.version]
        histories = list(self._histories(sites, newest, target, now))
        if len(histories) < LEAST_SITES:
            return PoolTraining(target=target, sites=len(histories), model_version="")
        fit = pool.fit if target is Target.LOAD else solar.fit
        before = [History(series=each.series, known=_steps_before(each), rating_kw=each.rating_kw) for each in histories]
        proof, whole = (fit(known, rows=self._rows, seed=SEED, threads=threads) for known in (before, histories))
        if proof is None or whole is None:
            return PoolTraining(target=target, sites=len(histories), model_version="")
        files = {f"{_WHOLE}{name}": data for name, data in whole.to_files().items()}
        files |= {f"{_PROOF}{name}": data for name, data in proof.to_files().items()}
        words = {"format": FORMAT, "proof_end": (now - timedelta(days=PROOF_DAYS)).isoformat(), "sites": len(histories)}
        files[WORDS_FILE] = json.dumps(words).encode()
        version = self._save(target, files, newest, now=now, sites=len(histories))
        return PoolTraining(target=target, sites=len(histories), model_version=version)

    def _histories(self, sites: Sequence[Site], catalog: FeatureCatalog, target: Target, now: datetime) -> Iterator[History]:
        by_id = {site.site_id: site for site in sites}
        days = int(np.clip(SITE_DAYS // len(sites), FEWEST_DAYS, MOST_DAYS))
        for frame in self._features.read_many(
            site_ids=list(by_id),
            interval=Interval(start=now - timedelta(days=days), end=now + HORIZON),
            columns=columns_of(catalog, target),
        ):
            if not frame[COLUMNS[target]].notna().any():
                continue
            for site_id, rows in frame.groupby("site_id", sort=False):
                site = by_id[str(site_id)]
                start = floor_to(rows["timestamp"].iloc[0].to_pydatetime(), site.resolution)
                series = series_from_table(
                    rows,
                    catalog,
                    target,
                    step=site.resolution,
                    start=instant64(start),
                    end=instant64(floor_to(now + HORIZON, site.resolution)),
                )
                known = int(series.known_at(np.array([series.index_of(instant64(now))]))[0])
                rating = site.solar.capacity_kw if site.solar else None
                if np.isfinite(series.values[:known]).sum() >= LEAST_DAYS * series.per_day:
                    yield History(series=series, known=known, rating_kw=rating)

    def _save(self, target: Target, files: Mapping[str, bytes], catalog: FeatureCatalog, *, now: datetime, sites: int) -> str:
        digest = hashlib.sha256(catalog.version.encode())
        for name in sorted(files):
            digest.update(name.encode())
            digest.update(files[name])
        version = digest.hexdigest()[:16]
        manifest = ModelManifest(
            owner=POOL,
            target=target,
            model_name=f"pool_{target}",
            model_version=version,
            trained_at=now,
            data_start=now - timedelta(days=MOST_DAYS),
            data_end=now,
            catalog_version=catalog.version,
            features=tuple(columns_of(catalog, target)),
            metrics={"sites": float(sites)},
        )
        self._models.save(manifest, files)
        self._models.promote(
            owner=POOL, target=target, promotion=Promotion(model_version=version, promoted_at=now, reason=f"learned from {sites} sites")
        )
        prune(self._models, POOL, target)
        return version


def _steps_before(history: History) -> int:
    """What was known of it when the proof begins."""
    series = history.series
    until = history.known - PROOF_DAYS * series.per_day
    return int(series.known_at(np.array([max(until, 0)]))[0])


def _pooled(models: ModelStore, target: Target, version: str) -> PooledModel:
    stored = models.load(owner=POOL, target=target, model_version=version)
    try:
        words = json.loads(stored.files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"format is {words['format']!r}: this program reads {FORMAT}; train again")
        proof_end, sites = instant64(datetime.fromisoformat(words["proof_end"])), int(words["sites"])
    except (KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"{WORDS_FILE} cannot be read ({type(problem).__name__}); train again") from problem
    read = READERS[target]
    return PooledModel(
        version=version,
        sites=sites,
        whole=read(_files(stored.files, _WHOLE)),
        proof=read(_files(stored.files, _PROOF)),
        proof_end=proof_end,
        catalog_version=stored.manifest.catalog_version,
    )


def _files(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}
