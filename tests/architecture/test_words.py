"""Numbers carry their unit in their name, values of the domain are frozen, and the glossary holds every word."""

import ast
import re

import pytest

from shared.domain.job import JobState
from shared.domain.reading import FIELDS, TIME_OF_USE_PERIODS, Quality
from shared.domain.schedule import Action, PlanStatus
from tests.architecture.source import ROOT, modules, name_of, tree

WORDS = modules("shared/domain", "shared/contracts")

UNITS = (
    "_kw", "_kwh", "_percent", "_celsius", "_g_kwh", "_w_m2", "_v", "_degrees", "_seconds", "_hours",
    "_per_kwh", "_per_kw", "_per_kg", "_per_mwh", "_cost", "_efficiency",
)  # fmt: skip
"""`_cost` is in the currency that its document names; `_efficiency` is a fraction of 1."""

WITHOUT_UNIT = {
    "the customer's names": {"cycles", "feed_in_tariff", "demand_charge", "min_soc", "max_soc", "initial_soc"},
    "money in the currency that the document names": {"cost", "energy", "demand", "wear", "terminal", "total", "bill", "stored_value"},
    "shares, without a unit": {
        "coverage",
        "captured_share",
        "gap",
        "skill",
        "bill_saving",
        "factor",
        "levels",
        "coverage_80",
        "observed",
        "pit_edges",
        "pit_density",
        "nmae",
    },
    "degrees by definition": {"latitude", "longitude"},
    "hours of the wall clock": {"hour"},
    "the unit stands beside it, or is the field's": {"values", "quantiles", "amount", "low", "high", "pinball", "mae", "width_80"},
}
ALLOWED = frozenset().union(*WITHOUT_UNIT.values())


def float_fields(module: ast.Module) -> list[tuple[str, str]]:
    """Class and name of every field whose annotation holds a float, also behind an alias of its module."""
    aliases = {"float", "np.float64"}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and mentions(node.value, aliases):
            aliases.add(node.targets[0].id)
    return [
        (owner.name, field.target.id)
        for owner in ast.walk(module)
        if isinstance(owner, ast.ClassDef)
        for field in owner.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and mentions(field.annotation, aliases)
    ]


def mentions(annotation: ast.expr, names: set[str]) -> bool:
    """Whether an expression names one of these, as a value or a type."""
    return any(ast.unparse(node) in names for node in ast.walk(annotation) if isinstance(node, ast.Name | ast.Attribute))


@pytest.mark.parametrize("path", WORDS, ids=name_of)
def test_every_number_carries_its_unit(path):
    bare = [f"{owner}.{name}" for owner, name in float_fields(tree(path)) if not name.endswith(UNITS) and name not in ALLOWED]
    assert not bare, f"{', '.join(bare)}: end the name in a unit such as _kw or _per_kwh, or give the reason in WITHOUT_UNIT"


def test_every_exception_is_still_needed():
    found = {name for path in WORDS for _, name in float_fields(tree(path))}
    assert found >= ALLOWED
    assert not [name for name in ALLOWED if name.endswith(UNITS)]


def test_the_check_sees_a_number_behind_an_alias():
    module = ast.parse("Number = float | None\nclass Sample:\n    power: Number\n    power_kw: list[float]\n    name: str")
    assert float_fields(module) == [("Sample", "power"), ("Sample", "power_kw")]


@pytest.mark.parametrize("path", modules("shared/domain"), ids=name_of)
def test_values_of_the_domain_are_frozen_slotted_and_named(path):
    for owner in ast.walk(tree(path)):
        decorators = [ast.unparse(item) for item in getattr(owner, "decorator_list", []) if "dataclass" in ast.unparse(item)]
        assert decorators in ([], ["dataclass(frozen=True, slots=True, kw_only=True)"]), owner.name


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
EXPLAINED = {word for line in GLOSSARY.splitlines() if line.startswith("|") for word in re.findall(r"`([^`]+)`", line.split("|")[1])}
"""What stands in code form in the first column of a table."""


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.column)
def test_the_glossary_explains_each_field_of_a_reading_under_both_its_names(field):
    path = f"{field.section}.{field.name}" if field.section else field.name
    row = next((line for line in GLOSSARY.splitlines() if line.startswith(f"| `{path}` |")), None)
    assert row, f"docs/glossary.md has no row for {path}"
    assert f"`{field.column}`" in row


@pytest.mark.parametrize("word", [*TIME_OF_USE_PERIODS, *Action, *PlanStatus, *JobState, *(flag.name.lower() for flag in Quality)])
def test_the_glossary_explains_each_word_of_a_choice(word):
    assert str(word) in EXPLAINED


@pytest.mark.parametrize("unit", UNITS)
def test_the_glossary_explains_each_unit(unit):
    assert unit in EXPLAINED


def test_the_glossary_explains_each_name_without_a_unit():
    assert sorted(ALLOWED - EXPLAINED - {word.rsplit(".", 1)[-1] for word in EXPLAINED}) == []
