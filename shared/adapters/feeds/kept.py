"""Answers kept on disk, so that a restart or an outage serves what was known last. A file that cannot be trusted is as good as none."""

import hashlib
import itertools
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from shared.domain.time import format_instant, parse_instant
from shared.ports.errors import UnavailableError

VERSION = 1
MOST_FILES = 5000
"""Of all answers together: a dozen series over a year."""
OLDEST = timedelta(days=800)
MOST_BYTES = 4_000_000
"""Of one file: a month of quarter-hours is a tenth of it."""
PRUNED_EVERY = 500

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An answer: rows whose columns are instants (named `timestamp` or `..._at`) and numbers, and what was said of them."""

    fetched_at: datetime
    rows: pd.DataFrame
    about: Mapping[str, str]


class Kept:
    """Records by key in one folder. Many processes may read and write: each file appears whole, and the last writer wins."""

    def __init__(self, folder: Path, *, most_files: int = MOST_FILES, oldest: timedelta = OLDEST) -> None:
        self._folder = folder
        self._most_files, self._oldest = most_files, oldest
        self._writes = itertools.count()

    def get(self, key: Key) -> Record | None:
        """None where there is none, or none that can be trusted."""
        try:
            with self._path(key).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError:
            return None
        digest, _, payload = content.partition(b"\n")
        if len(content) > MOST_BYTES or digest.decode("ascii", "replace") != hashlib.sha256(payload).hexdigest():
            return None
        document = orjson.loads(payload)
        if document["version"] != VERSION or tuple(document["key"]) != key:
            return None
        rows = pd.DataFrame({name: _column(name, values) for name, values in document["rows"].items()})
        return Record(fetched_at=parse_instant(document["fetched_at"]), rows=rows, about=document["about"])

    def put(self, key: Key, record: Record) -> None:
        """Keep it in the place of what was there. Raises `UnavailableError` when the disk does not take it."""
        payload = orjson.dumps({
            "version": VERSION,
            "key": key,
            "fetched_at": format_instant(record.fetched_at),
            "about": dict(record.about),
            "rows": {str(name): _plain(column) for name, column in record.rows.items()},
        })  # fmt: skip
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
                os.replace(part, path)  # noqa: PTH105  # a name, not a path
            except OSError:
                Path(part).unlink(missing_ok=True)
                raise
        except OSError as problem:
            raise UnavailableError(
                f"answers cannot be kept in {str(self._folder)!r} ({problem.strerror}); free space or mend the folder"
            ) from None
        if next(self._writes) % PRUNED_EVERY == 0:
            self.prune()

    def prune(self) -> None:
        """Let go of what is too old or too much, oldest first."""
        found = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # another process may have pruned it just now
                if path.suffix in {".json", ".part"}:
                    found.append((path.stat().st_mtime, path))
        found.sort()
        limit = time.time() - self._oldest.total_seconds()
        surplus = max(0, len(found) - self._most_files)
        for number, (written, path) in enumerate(found):
            if number < surplus or written < limit:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _path(self, key: Key) -> Path:
        return self._folder / key[0] / f"{hashlib.sha256(orjson.dumps(key)).hexdigest()[:40]}.json"


def _is_instant(name: str) -> bool:
    return name == "timestamp" or name.endswith("_at")


def _plain(column: "pd.Series[float]") -> list[int] | list[float | None]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.to_numpy(dtype="datetime64[us]").astype(np.int64).tolist()
    return [value if np.isfinite(value) else None for value in column.to_numpy(dtype=np.float64).tolist()]


def _column(name: str, values: list[float | None]) -> "pd.DatetimeIndex | np.ndarray[tuple[int], np.dtype[np.float64]]":
    if _is_instant(name):
        return pd.DatetimeIndex(np.array(values, dtype=np.int64).view("datetime64[us]")).tz_localize("UTC")
    return np.array(values, dtype=np.float64)
