"""Trained models: files with a manifest, written atomically; JSON, UBJSON and plain matrices only, never pickle.

A model belongs to an owner: a site, or `POOL` for one that serves every site without one of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.forecast import Target

POOL = "_pool"
"""The owner of pooled models. No site can have this id: an identifier begins with a letter or a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """What a stored model is. Its version is a digest of its files and of these words, so equal training gives equal versions."""

    owner: str
    """A site's id, or `POOL`."""
    target: Target
    model_name: str
    model_version: str
    trained_at: datetime
    data_start: datetime
    data_end: datetime
    catalog_version: str
    features: tuple[str, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Digest of each file, by file name; filled in by the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A manifest with its files' bytes, digests checked."""

    manifest: ModelManifest
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """From a moment on a version serves, or none, for a reason."""

    model_version: str | None
    """None: no model serves, a baseline does."""
    promoted_at: datetime
    reason: str


class ModelStore(Protocol):
    """Models by owner, target and version, with the history of which of them served."""

    def save(self, manifest: ModelManifest, files: Mapping[str, bytes]) -> ModelManifest:
        """Whole or not at all; returns the manifest with its digests. Saving the same version again changes nothing."""
        ...

    def load(self, *, owner: str, target: Target, model_version: str) -> StoredModel:
        """Raises `NotFoundError`, or `CorruptError` (the model is set aside) when a digest differs."""
        ...

    def versions(self, *, owner: str, target: Target) -> list[ModelManifest]:
        """Newest first."""
        ...

    def promote(self, *, owner: str, target: Target, promotion: Promotion) -> None:
        """Add to the history; its version serves from now on. Raises `NotFoundError`."""
        ...

    def promotions(self, *, owner: str, target: Target) -> list[Promotion]:
        """All there ever were, oldest first, also of versions that were deleted since. The last one is in force."""
        ...

    def champion(self, *, owner: str, target: Target) -> str | None:
        """The version that was promoted last; None where that was none, or is there no more."""
        ...

    def delete(self, *, owner: str, target: Target, model_version: str) -> None:
        """Remove a version; one that is not there is none. Raises `InvalidValueError` for the champion."""
        ...

    def owners(self) -> list[str]:
        """Whose models there are, sorted."""
        ...

    def forget(self, owner: str) -> None:
        """Remove an owner's models and the history of who served; one that is not there is none."""
        ...
