"""Models in a folder: `<owner>/<target>/versions/<version>/` holds a manifest and its files, `promotions.jsonl` says who served when."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.forecast import Target
from shared.ports.errors import CorruptError, NotFoundError, UnavailableError
from shared.ports.fence import require_lease
from shared.ports.model_store import POOL, ModelManifest, Promotion, StoredModel

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(json|ubj|npy)")
_MANIFEST = "manifest.json"
_STALE_SECONDS = 86_400.0


class ModelDir:
    """`ModelStore`. A version appears whole, by one rename; a damaged one is renamed to `<version>.corrupt-<UTC time>`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, manifest: ModelManifest, files: Mapping[str, bytes]) -> ModelManifest:
        """Raises `InvalidValueError` for an unsafe name, or when the version is stored with other files."""
        for name in files:
            if not _FILE_NAME.fullmatch(name) or name == _MANIFEST:
                raise InvalidValueError("model file", name, "must be a plain name ending in .json, .ubj or .npy, other than manifest.json")
        made = replace(manifest, sha256={name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)})
        folder = self._folder(made.owner, made.target, made.model_version)
        with self._disk():
            if not folder.is_dir():
                self._bring_in(folder, {**files, _MANIFEST: _manifest_bytes(made)})
        stored = self._manifest(folder)
        if dict(stored.sha256) != dict(made.sha256):
            raise InvalidValueError("model_version", made.model_version, "is stored with other files; a version is a digest of its files")
        return stored

    def load(self, *, owner: str, target: Target, model_version: str) -> StoredModel:
        folder = self._folder(owner, target, model_version)
        manifest = self._manifest(folder)
        files = {}
        with self._disk():
            for name, digest in manifest.sha256.items():
                path = folder / name
                data = path.read_bytes() if path.is_file() else b""
                if hashlib.sha256(data).hexdigest() != digest:
                    raise self._set_aside(folder, f"{name} differs from its digest")
                files[name] = data
        return StoredModel(manifest=manifest, files=files)

    def versions(self, *, owner: str, target: Target) -> list[ModelManifest]:
        folder = self._folder(owner, target)
        with self._disk():
            found = [entry for entry in folder.iterdir() if ".corrupt-" not in entry.name] if folder.is_dir() else []
        manifests = (self._manifest(entry) for entry in found)
        return sorted(manifests, key=lambda manifest: (manifest.trained_at, manifest.model_version), reverse=True)

    def promote(self, *, owner: str, target: Target, promotion: Promotion) -> None:
        if promotion.model_version is not None:
            self._manifest(self._folder(owner, target, promotion.model_version))
        history = self._history(owner, target)
        line = json.dumps({**asdict(promotion), "promoted_at": promotion.promoted_at.isoformat()}) + "\n"
        with self._disk():
            history.parent.mkdir(parents=True, exist_ok=True)
            with history.open("a+b") as file:
                require_lease()  # as late as can be: the write itself cannot ask
                _cut_torn_line(file)
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(history.parent)

    def promotions(self, *, owner: str, target: Target) -> list[Promotion]:
        """Raises `CorruptError` after setting a damaged history aside; a last line that a crash cut short counts for nothing."""
        history = self._history(owner, target)
        with self._disk():
            try:
                *lines, _ = history.read_bytes().split(b"\n")
                return [_promotion(line) for line in lines]
            except FileNotFoundError:
                return []
            except (ValueError, KeyError, TypeError, AttributeError):
                raise self._set_aside(history, "a line of it is no promotion") from None

    def champion(self, *, owner: str, target: Target) -> str | None:
        """None also when the version that served was set aside."""
        history = self.promotions(owner=owner, target=target)
        version = history[-1].model_version if history else None
        with self._disk():
            return version if version is not None and self._folder(owner, target, version).is_dir() else None

    def delete(self, *, owner: str, target: Target, model_version: str) -> None:
        """The version disappears whole, by one rename, before its files do."""
        if self.champion(owner=owner, target=target) == model_version:
            raise InvalidValueError("model_version", model_version, "serves and cannot be deleted; promote another one first")
        self._remove(self._folder(owner, target, model_version))

    def owners(self) -> list[str]:
        with self._disk():
            return sorted(entry.name for entry in self._path.iterdir() if entry.name[0] != ".") if self._path.is_dir() else []

    def forget(self, owner: str) -> None:
        self._remove(self._owned(owner))

    def _remove(self, folder: Path) -> None:
        with self._disk():
            if not folder.exists():  # nothing is written then, not even where nothing can be
                return
            require_lease()
            doomed = self._path / ".incoming" / uuid4().hex
            doomed.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

    def _owned(self, owner: str) -> Path:
        if owner != POOL:
            require_identifier("owner", owner)
        return self._path / owner

    def _folder(self, owner: str, target: Target, model_version: str | None = None) -> Path:
        folder = self._owned(owner) / Target(target).value / "versions"
        if model_version is None:
            return folder
        require_identifier("model_version", model_version)
        return folder / model_version

    def _history(self, owner: str, target: Target) -> Path:
        return self._folder(owner, target).with_name("promotions.jsonl")

    def _bring_in(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Write the files beside the store and rename them into it; who comes second to the same version changes nothing."""
        incoming = self._path / ".incoming"
        fresh = incoming / uuid4().hex
        fresh.mkdir(parents=True)
        _sweep(incoming)
        try:
            for name, data in files.items():
                _write_durably(fresh / name, data)
            _sync_folder(fresh)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
            _sync_folder(folder.parent)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _manifest(self, folder: Path) -> ModelManifest:
        """Raises `NotFoundError`, or `CorruptError` after setting the version aside."""
        with self._disk():
            if not folder.is_dir():
                raise NotFoundError(f"no model version {folder.name!r} in {folder.parent}; train a model or name a version that is there")
            try:
                manifest = _manifest(folder.joinpath(_MANIFEST).read_bytes())
            except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as problem:
                raise self._set_aside(folder, f"its manifest cannot be trusted: {problem}") from problem
            if manifest.model_version != folder.name:
                raise self._set_aside(folder, f"its manifest is that of version {manifest.model_version}")
        return manifest

    def _set_aside(self, path: Path, why: str) -> CorruptError:
        target = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
        path.rename(target)
        return CorruptError(
            f"model {path} is damaged ({why}) and was set aside as {target.name}; train the site's models again", str(target)
        )

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise UnavailableError(
                f"model folder {self._path} cannot be used ({problem.strerror}); "
                "give it space and permissions, or choose another with FORECAST_MODEL_DIR="
            ) from problem


def _manifest_bytes(manifest: ModelManifest) -> bytes:
    """JSON with a digest of itself, so that a changed word is found like a changed file."""
    words = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(manifest).items()}
    words["manifest_sha256"] = _digest(words)
    return json.dumps(words, indent=2, sort_keys=True).encode()


def _manifest(data: bytes) -> ModelManifest:
    """Raises `ValueError`, `KeyError` or `TypeError` for anything but what `_manifest_bytes` made."""
    words = json.loads(data)
    if words.pop("manifest_sha256") != _digest(words):
        raise ValueError("its words differ from their digest")
    if "site_id" in words:  # before models had owners
        words["owner"] = words.pop("site_id")
    for name in ("trained_at", "data_start", "data_end"):
        words[name] = datetime.fromisoformat(words[name])
    return ModelManifest(**{**words, "target": Target(words["target"]), "features": tuple(words["features"])})


def _digest(words: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _promotion(line: bytes) -> Promotion:
    """Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for anything but a line that `promote` wrote."""
    words = json.loads(line)
    if words["model_version"] is not None:
        require_identifier("model_version", words["model_version"])
    return Promotion(**{**words, "promoted_at": datetime.fromisoformat(words["promoted_at"])})


def _cut_torn_line(file: BinaryIO) -> None:
    """Remove what a crash left of a line, so that the next one does not continue it."""
    file.seek(0)
    lines = file.read()
    file.truncate(lines.rfind(b"\n") + 1)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(incoming: Path) -> None:
    """Remove what crashed writers left, a day later."""
    limit = datetime.now(UTC).timestamp() - _STALE_SECONDS
    for entry in incoming.iterdir():
        with suppress(FileNotFoundError):  # its writer has just renamed it
            if entry.stat().st_mtime < limit:
                shutil.rmtree(entry, ignore_errors=True)
