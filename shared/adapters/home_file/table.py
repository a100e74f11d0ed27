"""From a file to rows and named columns: what kind it is, its text encoding, its separator, where its header stands."""

import gzip
import io
import stat
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shared.adapters.home_file.delimited import delimited_rows
from shared.adapters.home_file.json_lines import json_rows
from shared.domain.errors import InvalidValueError

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
MOST_BYTES = 2_000_000_000
"""Of a file as it is unpacked: some kilobytes can unpack to more than any memory holds."""
_CONTROL = frozenset(range(32)) - {9, 10, 12, 13, 27}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of a file. Values are text (CSV), or of the file's own types; the index is where each row stands in the file."""

    path: Path
    frame: pd.DataFrame
    place: str
    """What the index counts: `line` or `row`."""
    decimal_comma: bool = False
    """The separator is not a comma, so a lone comma in a number is decimal."""
    notes: tuple[str, ...] = ()

    def where(self, position: int) -> str:
        """Where a row stands in the file, such as `line 12`."""
        return f"{self.place} {self.frame.index[position]}"


def read_table(path: Path, *, most_bytes: int = MOST_BYTES) -> Table:
    """The rows of a file that unpacks to so many bytes at most. Raises `InvalidValueError`: the file, what is wrong, the remedy."""
    endings = [ending.lower() for ending in path.suffixes]
    ending = next((e for e in reversed(endings) if e not in {".gz", ".gzip"}), "")
    if ending not in ENDINGS:
        raise InvalidValueError("file ending", path.name, "must be .csv, .parquet or .jsonl (also .gz); save the table as CSV")
    content = _unpacked(path, read_content(path, most_bytes=most_bytes), most_bytes)
    if content[:4] == b"PAR1":
        table = _parquet(path, content, most_bytes)
    else:
        text, notes = _text(path, content)
        first = text.lstrip()[:1]
        if ending in {".jsonl", ".ndjson", ".json"} or first == "{":
            table = Table(path=path, frame=json_rows(path, text), place="line")
        elif ending in {".parquet", ".pq"}:
            raise InvalidValueError("file", str(path), "is no Parquet file although its name ends so; give it the ending of what it is")
        else:
            rows = delimited_rows(path, text)
            table = Table(path=path, frame=rows.frame, place="line", decimal_comma=rows.separator != ",", notes=rows.notes)
        table = replace(table, notes=(*notes, *table.notes))
    if table.frame.empty:
        raise InvalidValueError("file", str(path), "has no rows; give one with measurements below its column names")
    return table


def read_content(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a file. Raises `InvalidValueError` for one that is too long, cannot be read, or is a folder, a pipe or a device."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for, a device has no end
            raise InvalidValueError("file", str(path), "is a folder or a device; give the path of a file")
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as problem:
        raise InvalidValueError("file", str(path), f"cannot be read ({problem.strerror}); give the path of a readable file") from None
    if len(content) > most_bytes:
        raise _too_long(path, most_bytes)
    return content


def _too_long(path: Path, most_bytes: int) -> InvalidValueError:
    return InvalidValueError("file", str(path), f"has more than {most_bytes:,} bytes when it is unpacked; give a part of it")


def _unpacked(path: Path, content: bytes, most_bytes: int) -> bytes:
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(most_bytes + 1)
        except (OSError, EOFError, zlib.error):
            raise InvalidValueError("file", str(path), "is damaged: its gzip data ends or breaks; copy it again") from None
        if len(content) > most_bytes:
            raise _too_long(path, most_bytes)
    if not content.strip():
        raise InvalidValueError("file", str(path), "is empty; give one with column names and measurements")
    return content


def _text(path: Path, content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, by its byte order mark, as UTF-8, or as Windows-1252."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return content.decode("utf-16", errors="replace"), ()
    if content[:2] == b"PK":
        raise InvalidValueError("file", str(path), "is a zip or Excel file; unpack it, or save the sheet as CSV")
    if any(byte in _CONTROL for byte in content[:65536]):
        raise InvalidValueError("file", str(path), "is binary, not a table in text; give CSV, Parquet or JSON lines")
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), ("the text is not UTF-8: read as Windows-1252",)


def _parquet(path: Path, content: bytes, most_bytes: int) -> Table:
    try:
        metadata = pq.read_metadata(io.BytesIO(content))
        if short := 8 * metadata.num_rows * metadata.num_columns <= most_bytes:
            frame = pd.read_parquet(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as problem:
        reason = str(problem).splitlines()[0][:120]
        raise InvalidValueError("file", str(path), f"is a damaged Parquet file ({reason}); copy it again") from None
    if not short:
        raise _too_long(path, most_bytes)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.columns = pd.Index([str(column) for column in frame.columns])
    return Table(path=path, frame=frame.set_axis(range(1, len(frame) + 1), axis=0), place="row")
