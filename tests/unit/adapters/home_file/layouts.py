"""Writes a small file and reads it back: what every test of the reader does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.adapters.home_file import HomeFiles
from shared.ports.home_file import HomeFile

Read = Callable[..., HomeFile]


def reader_of(folder: Path) -> Read:
    def read(content: str | bytes, name: str = "home.csv", **options: object) -> HomeFile:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return HomeFiles().read(path, site_id="home", **options)  # type: ignore[arg-type]

    return read


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader_of(tmp_path)


def load_of(home: HomeFile) -> list[float]:
    return [round(value, 6) for value in home.readings["total_load_kw"]]


def solar_of(home: HomeFile) -> list[float]:
    return [round(value, 6) for value in home.readings["solar_generation_kw"]]


def times_of(home: HomeFile) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" for moment in home.readings["timestamp"]]
