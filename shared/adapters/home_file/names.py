"""The words of a column's name, and the unit that it states."""

import re
import unicodedata
from enum import StrEnum

_SIGNS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "€": " eur ", "£": " gbp ", "$": " usd ",
     "%": " percent ", "°": " deg ", "¢": " ct "}
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_WORD = re.compile(r"[a-z]+|\d+")
_REJOINED = {
    ("k", "w"): "kw", ("k", "wh"): "kwh", ("m", "w"): "mw", ("m", "wh"): "mwh", ("k", "wp"): "kwp", ("w", "h"): "wh", ("kw", "h"): "kwh",
    ("mw", "h"): "mwh", ("so", "c"): "soc", ("co", "2"): "co2", ("m", "2"): "m2", ("p", "v"): "pv", ("heat", "pump"): "heatpump",
    ("feed", "in"): "feedin", ("gco", "2"): "gco2", ("kgco", "2"): "kgco2", ("gco", "2eq"): "gco2",
}  # fmt: skip


def word_set(text: str) -> frozenset[str]:
    """The words of a text, to compare others with."""
    return frozenset(text.split())


class Unit(StrEnum):
    """What a column's numbers are counted in."""

    KW = "kW"
    W = "W"
    MW = "MW"
    KWH = "kWh"
    WH = "Wh"
    MWH = "MWh"
    PERCENT = "%"
    PER_KWH = "per kWh"
    PER_MWH = "per MWh"
    CENT_PER_KWH = "ct/kWh"
    G_PER_KWH = "g/kWh"
    KG_PER_KWH = "kg/kWh"
    W_PER_M2 = "W/m²"


POWER_UNITS = frozenset({Unit.KW, Unit.W, Unit.MW})
ENERGY_UNITS = frozenset({Unit.KWH, Unit.WH, Unit.MWH})
_POWER = {
    "kw": Unit.KW,
    "kilowatt": Unit.KW,
    "kilowatts": Unit.KW,
    "w": Unit.W,
    "watt": Unit.W,
    "watts": Unit.W,
    "mw": Unit.MW,
    "megawatt": Unit.MW,
}
_ENERGY = {"kwh": Unit.KWH, "kilowattstunden": Unit.KWH, "wh": Unit.WH, "wattstunden": Unit.WH, "mwh": Unit.MWH}
_CENTS = {"ct", "cent", "cents", "cts", "pence", "rappen", "rp", "ore", "p"}
_CURRENCIES = {
    "eur",
    "euro",
    "euros",
    "usd",
    "gbp",
    "chf",
    "sek",
    "nok",
    "dkk",
    "aud",
    "pln",
    "czk",
    "dollar",
    "dollars",
    "pound",
    "pounds",
}
_PRICE_WORDS = {"price", "preis", "strompreis", "prix", "precio", "prezzo", "prijs", "tariff", "tarif", "rate", "cost", "spot"}
_GRAMS = {"g", "gco2", "gram", "grams"}
_KILOGRAMS = {"kg", "kgco2"}


def words(name: str) -> tuple[str, ...]:
    """Lower-case words and numbers of a name in any spelling: `PV-Erzeugung [kWh]` is pv, erzeugung, kwh."""
    plain = unicodedata.normalize("NFKD", name.translate(_SIGNS))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    found: list[str] = []
    for word in _WORD.findall(_CAMEL.sub(" ", plain).lower()):
        joined = _REJOINED.get((found[-1], word)) if found else None
        if joined:
            found[-1] = joined
        else:
            found.append(word)
    return tuple(found)


def unit(name: str) -> Unit | None:
    """The unit that a name states, or None."""
    found = words(name)
    present = set(found)
    if "m2" in present and present & {"w", "kw"}:
        return Unit.W_PER_M2
    per_energy = _per_energy(present)
    if per_energy is not None:
        return per_energy
    if "percent" in present or "prozent" in present or "pct" in present:
        return Unit.PERCENT
    for word in reversed(found):
        stated = _ENERGY.get(word) or _POWER.get(word)
        if stated is not None:
            return stated
    return None


def _per_energy(present: set[str]) -> Unit | None:
    """Something for each kWh or MWh: money or carbon."""
    if not present & {"kwh", "mwh"}:
        return None
    if present & _KILOGRAMS:
        return Unit.KG_PER_KWH
    if present & _GRAMS:
        return Unit.G_PER_KWH
    if present & _CENTS and "kwh" in present:
        return Unit.CENT_PER_KWH
    if present & (_CURRENCIES | _PRICE_WORDS):
        return Unit.PER_MWH if "mwh" in present else Unit.PER_KWH
    return None
