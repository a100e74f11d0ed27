"""A refused value is one line: what, the value, the remedy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError, require_above, require_at_least, require_between, require_identifier

numbers = st.floats(allow_nan=True, allow_infinity=True)


def refuses(check, *arguments) -> bool:
    try:
        check("value_kw", *arguments)
    except InvalidValueError:
        return True
    return False


@given(numbers)
def test_a_bounded_number_lies_between_its_bounds(value):
    assert refuses(require_between, value, -1.0, 1.0) == (not -1.0 <= value <= 1.0)


@given(numbers)
def test_a_lower_bound_admits_itself_and_finite_numbers_above(value):
    assert refuses(require_at_least, value, 0.0) == (not (math.isfinite(value) and value >= 0))


@given(numbers)
def test_a_strict_lower_bound_does_not_admit_itself(value):
    assert refuses(require_above, value, 0.0) == (not (math.isfinite(value) and value > 0))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_an_identifier_passes(value):
    assert not refuses(require_identifier, value)


@pytest.mark.parametrize("value", ["", ".hidden", "-x", "a b", "a/b", "../a", "é", "a\n", "x" * 65, "½", "a;drop"])
def test_what_could_be_a_path_or_markup_is_no_identifier(value):
    assert refuses(require_identifier, value)


def test_the_line_says_what_the_value_and_the_remedy():
    problem = InvalidValueError("capacity_kwh", -3.0, "must be a finite number above 0")
    assert str(problem) == "capacity_kwh is -3.0: must be a finite number above 0"
    assert (problem.name, problem.value, problem.remedy) == ("capacity_kwh", -3.0, "must be a finite number above 0")


def test_a_text_of_several_lines_is_still_told_in_one():
    assert "\n" not in str(InvalidValueError("site_id", "a\nb", "must be short"))
