"""In which country a time zone is kept."""

from functools import cache
from importlib.resources import files


@cache
def country_of(timezone: str) -> str | None:
    """The ISO 3166 country of a time zone by the tz database's table; None for one of no country, such as UTC."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return next((country for country, _, name, *_ in rows if name == timezone), None)
