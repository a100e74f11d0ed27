"""Which column is what: the person's word first, then our own names, then the likeliest name; every guess leaves a note."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.adapters.home_file.names import Unit, unit, word_set, words
from shared.adapters.home_file.numbers import is_empty, is_numeric
from shared.adapters.home_file.roles import BY_NAME, ROLES, Kind, Role, role_of, surplus_words
from shared.adapters.home_file.table import Table
from shared.adapters.home_file.time_columns import is_time_name
from shared.domain.errors import InvalidValueError
from shared.domain.reading import FIELDS, TEXT_COLUMNS

_UNIT_ENDINGS = {
    Kind.POWER: {"kw": Unit.KW, "w": Unit.W, "mw": Unit.MW, "kwh": Unit.KWH, "wh": Unit.WH, "mwh": Unit.MWH},
    Kind.PRICE: {"per_kwh": Unit.PER_KWH, "per_mwh": Unit.PER_MWH, "ct_per_kwh": Unit.CENT_PER_KWH},
    Kind.CARBON: {"g_kwh": Unit.G_PER_KWH, "kg_kwh": Unit.KG_PER_KWH},
}
_OTHER_NAMES = {
    "total_load_kw": "load_kw",
    "solar_generation_kw": "solar_kw",
    "grid_power_kw": "net_grid_flow_kw",
    "battery_soc": "battery_soc_percent",
}
_SITE_WORDS = word_set("site home house building household meter customer client haushalt gebaeude lclid dataid")
_SITE_NAMES = {(word,) for word in _SITE_WORDS} | {(word, "id") for word in _SITE_WORDS} | {("lc", "lid"), ("lcl", "id")}
TIME, SITE = "timestamp", "site_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value comes from: one column, or several that are added up."""

    role: Role
    columns: tuple[str, ...]
    unit: Unit | None
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The columns of a file by meaning."""

    sources: Mapping[str, Source]
    """By name of the role."""
    plain: Mapping[str, str]
    """Reading columns taken as they are: ours to theirs."""
    texts: Mapping[str, str]
    notes: tuple[str, ...]


def asked_columns(table: Table, columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What the person named, with names as the file has them. Raises `InvalidValueError` for a name that is not there."""
    result: dict[str, tuple[str, ...]] = {}
    for ours, theirs in columns.items():
        name = _OTHER_NAMES.get(ours, ours)
        if name not in {TIME, SITE} and _named_role(name) is None and name not in _PLAIN:
            known = ", ".join([TIME, SITE, *BY_NAME])
            raise InvalidValueError("--map", f"{ours}={theirs}", f"{ours!r} is no column of ours; use one of {known}")
        result[name] = _found(table, ours, theirs)
    return result


def _found(table: Table, ours: str, theirs: str) -> tuple[str, ...]:
    """Columns of the file for what a person wrote; `a+b` is a sum; nothing at all: leave it out."""
    by_folded = {str(name).strip().casefold(): str(name) for name in table.frame.columns}
    if not theirs.strip():
        return ()
    parts = [theirs] if theirs.strip().casefold() in by_folded else theirs.split("+")
    missing = next((part.strip() for part in parts if part.strip().casefold() not in by_folded), None)
    if missing is not None:
        raise InvalidValueError("--map", f"{ours}={theirs}", f"the file has no column {missing!r}; it has {column_list(table)}")
    return tuple(by_folded[part.strip().casefold()] for part in parts)


def column_list(table: Table) -> str:
    """The file's columns in words, at most 20 of them."""
    names = [str(name) for name in table.frame.columns]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _named_role(name: str) -> tuple[Role, Unit | None] | None:
    """The role that a name of ours means, with the unit its ending states (None: the role's own): `load_w`, `price_per_mwh`."""
    if name in BY_NAME:
        return BY_NAME[name], None
    for role in ROLES:
        endings = _UNIT_ENDINGS.get(role.kind, {})
        own = next((ending for ending in endings if role.name.endswith(f"_{ending}")), None)
        stem = role.name.removesuffix(f"_{own}") if own else role.name
        for ending, stated in endings.items():
            if name == f"{stem}_{ending}":
                return role, stated
    return None


_ROLE_COLUMNS = {role.column for role in ROLES}
_PLAIN = {field.column: field for field in FIELDS if field.column not in _ROLE_COLUMNS}
_EXACT = {alias: field.column for field in FIELDS for alias in (field.column, f"{field.section}.{field.name}".lstrip("."))}


def choose(table: Table, asked: Mapping[str, tuple[str, ...]], *, taken: Sequence[str]) -> Choice:
    """Columns by meaning; `taken` are already spoken for (time, site)."""
    sources: dict[str, Source] = {}
    plain: dict[str, str] = {}
    for name, columns in asked.items():
        found = _named_role(name)
        if found is not None:
            role, stated = found
            sources[role.name] = Source(
                role=role, columns=columns, unit=stated or (_unit_of(role, columns[0]) if columns else None), asked=True
            )
        elif name in _PLAIN and columns:
            plain[name] = columns[0]
    used = {*taken, *(column for source in sources.values() for column in source.columns), *plain.values()}
    free = [str(name) for name in table.frame.columns if str(name) not in used and not is_empty(table, str(name))]
    by_column = {role.column: role for role in ROLES if role.column}
    for theirs in [name for name in free if name in _EXACT]:
        ours = _EXACT[theirs]
        if ours not in by_column:
            plain.setdefault(ours, theirs)
        elif by_column[ours].name not in sources and is_numeric(table, theirs):
            sources[by_column[ours].name] = Source(role=by_column[ours], columns=(theirs,), unit=_unit_of(by_column[ours], theirs))
        free.remove(theirs)
    texts = {ours: theirs for ours in TEXT_COLUMNS for theirs in free if theirs in {ours, f"grid_price.{ours}"}}
    notes = _guess(table, [name for name in free if name not in texts.values() and name != "device_id"], sources)
    return Choice(
        sources={name: source for name, source in sources.items() if source.columns}, plain=plain, texts=texts, notes=tuple(notes)
    )


def _guess(table: Table, free: Sequence[str], sources: dict[str, Source]) -> list[str]:
    """Fill in roles that nobody named, by the likeliest column."""
    candidates: dict[str, list[str]] = {}
    for name in free:
        role = role_of(name)
        if role is not None and role.name not in sources and not is_time_name(name) and is_numeric(table, name):
            candidates.setdefault(role.name, []).append(name)
    notes = []
    for role_name, names in candidates.items():
        role = BY_NAME[role_name]
        likeliest = min(names, key=lambda name: _rank(name, role))
        same = [name for name in names if _without_number(name) == _without_number(likeliest)]
        chosen = tuple(same) if role.kind is Kind.POWER and len(same) > 1 else (likeliest,)
        sources[role_name] = Source(role=role, columns=chosen, unit=_unit_of(role, likeliest))
        others = [name for name in names if name not in chosen]
        if len(chosen) > 1:
            notes.append(f"{role_name} is the sum of {', '.join(chosen)}; take one alone with --map {role_name}={chosen[0]}")
        if others:
            notes.append(
                f"{role_name}: taken from {likeliest!r}, could also be {', '.join(others[:5])}; choose with --map {role_name}={others[0]}"
            )
    _last_resort(table, free, sources, notes)
    return notes


def _rank(name: str, role: Role) -> tuple[int, bool, int]:
    """Fewer unexplained words first, then a stated unit, then the shorter name."""
    return surplus_words(name, role), unit(name) is None, len(name)


def _without_number(name: str) -> tuple[str, ...]:
    """A name without what counts its parts: numbers, phases L1-L3, registers T1/T2, HT/NT."""
    return tuple(
        word
        for word in words(name)
        if not (word.isdigit() or word in {"l", "t", "ht", "nt", "hp", "hc", "phase", "string", "tarif", "tariff"})
    )


def _last_resort(table: Table, free: Sequence[str], sources: dict[str, Source], notes: list[str]) -> None:
    """A file of one meter alone: its only column with a unit of power or energy is the load."""
    if sources.keys() & {"load_kw", "solar_kw", "grid_import_kw", "net_grid_flow_kw"}:
        return
    role = BY_NAME["load_kw"]
    meters = [name for name in free if role_of(name) is None and set(words(name)) & _METER_WORDS and is_numeric(table, name)]
    if len(meters) == 1:
        sources["load_kw"] = Source(role=role, columns=(meters[0],), unit=_unit_of(role, meters[0]))
        notes.append(f"load_kw: the only meter in the file is {meters[0]!r}; choose otherwise with --map load_kw=COLUMN")


_METER_WORDS = word_set("kw w kwh wh power energy leistung energie puissance potencia potenza value wert strom electricity")


def _unit_of(role: Role, column: str) -> Unit | None:
    """The unit that a column's name states, where it is one of the role's."""
    stated = unit(column)
    return stated if stated in role.units else None


def site_column(table: Table, asked: tuple[str, ...] | None) -> str | None:
    """The column that tells sites apart, or None."""
    if asked is not None:
        return asked[0] if asked else None
    named = [str(name) for name in table.frame.columns if words(str(name)) in _SITE_NAMES]
    return next((name for name in named if table.frame[name].nunique() <= max(1, len(table.frame) // 2)), None)


_HOME_WORDS = _SITE_WORDS | word_set("residential industrial public apartment flat haus wohnung")


def homes_in_columns(table: Table) -> dict[str, list[str]]:
    """Columns of homes that stand side by side, by a word for a home with its number: `residential4` in `DE_KN_residential4_pv`."""
    homes: dict[str, list[str]] = {}
    for name in map(str, table.frame.columns):
        found = words(name)
        home = next((f"{word}{number}" for word, number in pairwise(found) if word in _HOME_WORDS and number.isdigit()), None)
        if home is not None:
            homes.setdefault(home, []).append(name)
    return homes
