"""Which stored model serves, what to say of those that cannot, and which are kept."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.forecaster.model import adapted, ensemble, price_kind, solar_kind
from services.forecaster.model.adapted import Shared
from services.forecaster.model.answer import Model
from services.forecaster.model.drift import REFERENCE_FILE, Reference
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Series
from shared.domain.forecast import Target
from shared.domain.time import from_instant64
from shared.ports.errors import CorruptError, NotFoundError
from shared.ports.model_store import ModelManifest, ModelStore, Promotion, StoredModel

READERS: dict[str, Callable[[Mapping[str, bytes]], Model]] = {
    ensemble.MODEL_NAME: ensemble.from_files,
    price_kind.MODEL_NAME: price_kind.from_files,
    solar_kind.MODEL_NAME: solar_kind.from_files,
}
"""By the name of the kind."""
_ATTEMPTS = 20
"""Damaged models are set aside one by one; more of them than this at once is no accident to work around."""


KEPT = 5
"""The newest versions, whether or not they ever served; the champion and the one before it are kept besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The model that serves, None where a baseline must, and what stood in the way."""

    model: Model | None
    manifest: ModelManifest | None
    reference: Reference | None = None
    """What the model was used to; None for one from before references were kept."""
    problems: tuple[str, ...]
    """Empty with no model: none was ever promoted, or the last one was found worse than a baseline."""


def serving(models: ModelStore, *, owner: str, target: Target, catalog_version: str, shared: Shared | None = None) -> Serving:
    """The champion, else the one before it where that can be read and was trained on this catalog.

    `shared` is the model of all sites, which an adapted one needs.
    """
    problems: list[str] = []
    versions = succession(promotions_of(models, owner, target, problems))[:2]
    for version in versions:
        found = _load(models, owner, target, version, catalog_version=catalog_version, shared=shared, problems=problems)
        if found is not None:
            if version != versions[0]:
                problems.append(f"an earlier model, {version}, serves instead of the champion")
            return replace(found, problems=tuple(problems))
    return Serving(model=None, manifest=None, problems=tuple(problems))


def succession(promotions: Sequence[Promotion]) -> list[str]:
    """The champion, the one that it replaced, the one before that; empty where a baseline serves.

    A return to an earlier version forgets those that came after it, and a baseline's turn all of them.
    """
    line: list[str] = []
    for promotion in promotions:
        version = promotion.model_version
        if version is None:
            line = []
        elif version in line:
            line = line[line.index(version) :]
        else:
            line.insert(0, version)
    return line


def promotions_of(models: ModelStore, owner: str, target: Target, problems: list[str]) -> list[Promotion]:
    """The history; a damaged one is told and counts as none."""
    try:
        return models.promotions(owner=owner, target=target)
    except CorruptError as problem:
        problems.append(str(problem))
        return []


def champion_of(models: ModelStore, owner: str, target: Target) -> str | None:
    """The version that was promoted last, whether or not it can be read."""
    return next(iter(succession(promotions_of(models, owner, target, problems=[]))), None)


def previous_of(models: ModelStore, owner: str, target: Target) -> str | None:
    """The version that the champion replaced and that a return would bring back."""
    return next(iter(succession(promotions_of(models, owner, target, problems=[]))[1:]), None)


def prune(models: ModelStore, owner: str, target: Target) -> None:
    """Delete what is neither the champion, the one before it, nor one of the `KEPT` newest."""
    stored = stored_versions(models, owner, target)
    kept = {*succession(promotions_of(models, owner, target, problems=[]))[:2], *stored[:KEPT]}
    for version in stored:
        if version not in kept:
            models.delete(owner=owner, target=target, model_version=version)


def versions_of(models: ModelStore, owner: str, target: Target, problems: list[str]) -> list[ModelManifest]:
    """The stored versions, newest first; damaged ones are told and left out."""
    for _ in range(_ATTEMPTS):
        try:
            return models.versions(owner=owner, target=target)
        except CorruptError as problem:
            problems.append(str(problem))
    return []


def stored_versions(models: ModelStore, owner: str, target: Target) -> list[str]:
    """Newest first."""
    return [manifest.model_version for manifest in versions_of(models, owner, target, problems=[])]


def forerunner(
    models: ModelStore, *, owner: str, target: Target, catalog_version: str, serves: str, shared: Shared | None = None
) -> Serving | None:
    """The model that the champion replaced, where it could serve again; None where it does already, or there is none."""
    version = previous_of(models, owner, target)
    if version is None or version == serves:
        return None
    return _load(models, owner, target, version, catalog_version=catalog_version, shared=shared, problems=[])


def _load(
    models: ModelStore, owner: str, target: Target, version: str, *, catalog_version: str, shared: Shared | None, problems: list[str]
) -> Serving | None:
    try:
        stored = models.load(owner=owner, target=target, model_version=version)
        model = _model_of(stored, shared)
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
    reference = stored.files.get(REFERENCE_FILE)
    return Serving(model=model, manifest=stored.manifest, reference=Reference.from_bytes(reference) if reference else None, problems=())


def _model_of(stored: StoredModel, shared: Shared | None) -> Model:
    """Raises `UnreadableModelError`."""
    if stored.manifest.model_name == adapted.MODEL_NAME:
        if shared is None:
            raise UnreadableModelError("the model of all sites that it adapts is not there; train again")
        return adapted.from_files(stored.files, shared)
    read = READERS.get(stored.manifest.model_name)
    if read is None:
        raise UnreadableModelError(f"its kind is {stored.manifest.model_name!r}: this program reads {', '.join(READERS)}; train again")
    return read(stored.files)


def manifest_of(
    model: Model,
    files: Mapping[str, bytes],
    series: Series,
    *,
    owner: str,
    now: datetime,
    data_end: datetime,
    catalog_version: str,
    metrics: Mapping[str, float],
) -> ModelManifest:
    """The manifest of a new model; its version is a digest of its files and of what it was trained on."""
    data_start = from_instant64(series.start)
    words = [owner, model.target.value, data_start.isoformat(), data_end.isoformat(), catalog_version]
    digest = hashlib.sha256(json.dumps(words).encode())
    for name in sorted(files):
        digest.update(name.encode())
        digest.update(files[name])
    return ModelManifest(
        owner=owner,
        target=model.target,
        model_name=model.name,
        model_version=digest.hexdigest()[:16],
        trained_at=now,
        data_start=data_start,
        data_end=data_end,
        catalog_version=catalog_version,
        features=model.columns,
        metrics=metrics,
    )
