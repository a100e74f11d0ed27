"""JSON lines: the gateway's reading documents, or any flat objects; also a JSON array of them."""

from pathlib import Path

import orjson
import pandas as pd

from shared.domain.errors import InvalidValueError


def json_rows(path: Path, text: str) -> pd.DataFrame:
    """One row for each object, nested names joined by dots (`solar.generation_kw`); the index is the line number."""
    if text.lstrip().startswith("["):
        documents = [(number, item) for number, item in enumerate(_parse_array(path, text), start=1)]
    else:
        documents = [(number, _parse(path, number, line)) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = []
    for number, document in documents:
        if not isinstance(document, dict):
            raise InvalidValueError(f"line {number} of {path.name}", str(document)[:60], 'must be a JSON object such as {"timestamp": ...}')
        rows.append(_flat(document))
    return pd.DataFrame(rows, index=[number for number, _ in documents])


def _parse(path: Path, number: int, line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as problem:
        raise InvalidValueError(
            f"line {number} of {path.name}", line[:60], f"is not JSON ({problem.msg}); mend or remove that line"
        ) from None


def _parse_array(path: Path, text: str) -> list[object]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise InvalidValueError("file", str(path), f"is not JSON: {problem.msg} at line {problem.lineno}; mend it") from None
    return list(items)


def _flat(document: dict[str, object], prefix: str = "") -> dict[str, object]:
    """A document without nesting: keys of inner objects follow their outer key and a dot."""
    row: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            row |= _flat(value, f"{prefix}{key}.")
        else:
            row[f"{prefix}{key}"] = value
    return row
