"""Answers in JSON, of which nothing is believed."""

from typing import Any

import orjson

from shared.ports.errors import UnavailableError


def json_object(supplier: str, content: bytes) -> dict[str, Any]:
    """The object that an answer is. Raises `UnavailableError` for HTML pages, cut answers and anything else."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        page = content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
        raise malformed(supplier, "an HTML page" if page else "no whole JSON document") from None
    if not isinstance(document, dict):
        raise malformed(supplier, "JSON that is no object")
    return document


def malformed(supplier: str, what: str) -> UnavailableError:
    """A supplier that answers what cannot be understood is as good as away: the last known values stand in."""
    return UnavailableError(f"{supplier} answered with {what}; see whether its service or this program is out of date")
