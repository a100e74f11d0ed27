"""Trained models: files with a manifest, written atomically; JSON and UBJSON only, never pickle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.forecast import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """What a stored model is. Its version is a digest of its files and of these words, so equal training gives equal versions."""

    site_id: str
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


class ModelStore(Protocol):
    """Models by site, target and version, one of them the champion."""

    def save(self, manifest: ModelManifest, files: Mapping[str, bytes]) -> ModelManifest:
        """Whole or not at all; returns the manifest with its digests. Saving the same version again changes nothing."""
        ...

    def load(self, *, site_id: str, target: Target, model_version: str) -> StoredModel:
        """Raises `NotFoundError`, or `CorruptError` (the model is set aside) when a digest differs."""
        ...

    def versions(self, *, site_id: str, target: Target) -> list[ModelManifest]:
        """Newest first."""
        ...

    def champion(self, *, site_id: str, target: Target) -> str | None:
        """The version that serves, or None."""
        ...

    def promote(self, *, site_id: str, target: Target, model_version: str) -> None:
        """Make it serve. Raises `NotFoundError`."""
        ...
