"""Separated text: the separator and the header are found by what most lines agree on."""

import csv
import io
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from shared.adapters.home_file.names import unit
from shared.domain.errors import InvalidValueError

SEPARATORS = (";", "\t", "|", ",")
_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Cells as text, by column; the index is the line number in the file."""

    frame: pd.DataFrame
    separator: str
    notes: tuple[str, ...]


def delimited_rows(path: Path, text: str) -> Rows:
    """The rows below the header. Raises `InvalidValueError` for lines that do not fit it."""
    lines = text[:_SAMPLE_CHARACTERS].splitlines()[:_SAMPLE_LINES]
    separator, width = _separator(lines)
    header = _header(path, lines, separator, width)
    names = _cells(lines[header], separator)
    notes = (f"{header} lines above the column names were skipped",) if header else ()
    frame = _read(path, text, separator, header, names)
    # a row of units right below the names belongs to them
    if len(frame) and _is_units(frame.iloc[0].tolist()):
        names = [f"{name} {below}".strip() for name, below in zip(names, frame.iloc[0], strict=True)]
        frame = frame.iloc[1:]
    filled = frame.to_numpy() != ""
    # a trailing separator makes a column without name and values
    kept = [number for number, name in enumerate(names) if name.strip() or filled[:, number].any()]
    frame = frame.iloc[filled.any(axis=1), kept]
    return Rows(
        frame=frame.set_axis(pd.Index(_unique([names[number].strip() for number in kept])), axis=1), separator=separator, notes=notes
    )


def _separator(lines: list[str]) -> tuple[str, int]:
    """The separator by which most lines have the same number of cells (more than one), and that number."""
    best, best_width, best_share = ",", 1, 0.0
    for separator in SEPARATORS:
        widths = Counter(len(_cells(line, separator)) for line in lines if line.strip())
        widths.pop(1, None)
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        if count > best_share:
            best, best_width, best_share = separator, width, count
    return best, best_width


def _header(path: Path, lines: list[str], separator: str, width: int) -> int:
    """The first line as wide as the data (less a trailing separator) that is no remark."""
    for number, line in enumerate(lines):
        cells = _cells(line, separator)
        if line.lstrip().startswith("#") or not line.strip() or (len(cells) < width - 1 or (width > 1 and len(cells) == 1)):
            continue
        if not any(any(c.isalpha() for c in cell) for cell in cells):
            raise InvalidValueError(
                f"line {number + 1} of {path.name}",
                line[:60],
                "is data without column names above it; add a line such as timestamp,load_kw",
            )
        return number
    raise InvalidValueError("file", str(path), "has no line of column names; add one such as timestamp,load_kw")


def _read(path: Path, text: str, separator: str, header: int, names: list[str]) -> pd.DataFrame:
    body = io.StringIO(text)
    for _ in range(header + 1):
        body.readline()
    try:
        with warnings.catch_warnings():
            # rows that are too long are found below, by their line
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame = pd.read_csv(
                body, sep=separator, header=None, names=range(len(names) + 1), index_col=False, dtype=str, keep_default_na=False,
                na_filter=False, skip_blank_lines=False, skipinitialspace=True, engine="c",
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=range(len(names)), dtype=str)
    except pd.errors.ParserError as problem:
        counted = re.search(r"in line (\d+), saw (\d+)", str(problem))
        if counted is None:
            reason = str(problem).strip().splitlines()[-1]
            raise InvalidValueError("file", str(path), f"is no regular table ({reason}); mend it") from None
        raise _too_long(path, header + 1 + int(counted[1]), names) from None
    frame = frame.fillna("")
    frame.index = pd.RangeIndex(header + 2, header + 2 + len(frame))
    extra = frame[len(names)].to_numpy() != ""
    if extra.any():
        raise _too_long(path, int(frame.index[int(extra.argmax())]), names)
    return frame.drop(columns=[len(names)])


def _too_long(path: Path, line: int, names: list[str]) -> InvalidValueError:
    return InvalidValueError(
        f"line {line} of {path.name}", f"{len(names) + 1} values or more", f"does not fit the {len(names)} column names; mend that line"
    )


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _is_units(cells: list[str]) -> bool:
    """Whether a row states units and nothing but: `;[kWh];[kWh]`."""
    return any(unit(cell) for cell in cells) and not any(any(c.isdigit() for c in cell) for cell in cells if cell)


def _unique(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
