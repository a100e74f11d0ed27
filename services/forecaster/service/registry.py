"""Which stored model serves, and what to say of those that cannot."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.forecaster.model.ensemble import MODEL_NAME, Ensemble, from_files
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Series
from shared.domain.forecast import Target
from shared.domain.time import from_instant64
from shared.ports.errors import CorruptError, NotFoundError
from shared.ports.model_store import ModelManifest, ModelStore

_ATTEMPTS = 20
"""Damaged models are set aside one by one; more of them than this at once is no accident to work around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The model that serves, None where a baseline must, and what stood in the way."""

    model: Ensemble | None
    manifest: ModelManifest | None
    problems: tuple[str, ...]
    """Empty with no model: none was ever promoted."""


def serving(models: ModelStore, *, site_id: str, target: Target, catalog_version: str) -> Serving:
    """The champion, else the newest other version that can be read and was trained on this catalog."""
    problems: list[str] = []
    champion = champion_of(models, site_id, target, problems)
    versions = [manifest.model_version for manifest in _versions(models, site_id, target, problems)]
    candidates = list(dict.fromkeys([*([champion] if champion else []), *versions]))
    for version in candidates:
        found = _load(models, site_id, target, version, catalog_version=catalog_version, problems=problems)
        if found is not None:
            if version != champion:
                problems.append(f"an earlier model, {version}, serves instead of the champion")
            return Serving(model=found[0], manifest=found[1], problems=tuple(problems))
    return Serving(model=None, manifest=None, problems=tuple(problems))


def champion_of(models: ModelStore, site_id: str, target: Target, problems: list[str]) -> str | None:
    """The version that was promoted last, whether or not it can be read."""
    try:
        return models.champion(site_id=site_id, target=target)
    except CorruptError as problem:
        problems.append(str(problem))
        return None


def _versions(models: ModelStore, site_id: str, target: Target, problems: list[str]) -> list[ModelManifest]:
    for _ in range(_ATTEMPTS):
        try:
            return models.versions(site_id=site_id, target=target)
        except CorruptError as problem:
            problems.append(str(problem))
    return []


def _load(
    models: ModelStore, site_id: str, target: Target, version: str, *, catalog_version: str, problems: list[str]
) -> tuple[Ensemble, ModelManifest] | None:
    try:
        stored = models.load(site_id=site_id, target=target, model_version=version)
        model = from_files(stored.files)
    except (CorruptError, NotFoundError) as problem:
        problems.append(str(problem))
        return None
    except UnreadableModelError as problem:
        problems.append(f"model {version}: {problem}")
        return None
    if stored.manifest.catalog_version != catalog_version:
        known = stored.manifest.catalog_version
        problems.append(f"model {version} was trained on features {known}, the table has {catalog_version or 'none'}: train again")
        return None
    return model, stored.manifest


def manifest_of(
    model: Ensemble,
    files: Mapping[str, bytes],
    series: Series,
    *,
    site_id: str,
    now: datetime,
    data_end: datetime,
    catalog_version: str,
    metrics: Mapping[str, float],
) -> ModelManifest:
    """The manifest of a new model; its version is a digest of its files and of what it was trained on."""
    data_start = from_instant64(series.start)
    words = [site_id, model.trees.target.value, data_start.isoformat(), data_end.isoformat(), catalog_version]
    digest = hashlib.sha256(json.dumps(words).encode())
    for name in sorted(files):
        digest.update(name.encode())
        digest.update(files[name])
    return ModelManifest(
        site_id=site_id,
        target=model.trees.target,
        model_name=MODEL_NAME,
        model_version=digest.hexdigest()[:16],
        trained_at=now,
        data_start=data_start,
        data_end=data_end,
        catalog_version=catalog_version,
        features=model.trees.names,
        metrics=metrics,
    )
