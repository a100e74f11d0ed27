"""A problem on the wire is understood whole or refused with the place and the remedy."""

import numpy as np
import pytest

from shared.contracts.optimization import ProblemError, read_problem

BATTERY = {
    "capacity_kwh": 13.5,
    "max_charge_rate_kw": 5.0,
    "max_discharge_rate_kw": 5.0,
    "min_soc": 10.0,
    "max_soc": 90.0,
    "initial_soc": 50.0,
}


def a_document(**changes: object) -> dict[str, object]:
    return {
        "start": "2024-06-15T00:00:00+00:00",
        "resolution": "PT15M",
        "currency": "EUR",
        "load_kw": [0.5, 0.6],
        "solar_kw": [0.0, 0.0],
        "import_price_per_kwh": [0.30, 0.28],
        "export_price_per_kwh": 0.08,
        "battery": BATTERY,
        "terminal_value_per_kwh": 0.0,
        "grid": {"max_import_kw": None, "max_export_kw": None},
        "objective": "cost",
    } | changes


def test_one_number_stands_for_all_steps() -> None:
    problem = read_problem(a_document())
    assert problem.steps == 2
    assert np.array_equal(problem.series("export_price_per_kwh"), [0.08, 0.08])
    assert np.array_equal(problem.series("load_kw"), [0.5, 0.6])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"surprise": 1}, "/surprise"),
        ({"load_kw": [1.0, 1e308]}, "/load_kw/1"),
        ({"import_price_per_kwh": -1e300}, "/import_price_per_kwh"),
        ({"battery": BATTERY | {"capacity_kwh": 1e308}}, "/battery/capacity_kwh"),
        ({"grid": {"max_import_kw": 1e300}}, "/grid/max_import_kw"),
        ({"terminal_value_per_kwh": -1e300}, "/terminal_value_per_kwh"),
        ({"start": "9999-12-31T23:45:00+00:00"}, "/start"),
        ({"load_kw": [1.0, "a"]}, "/load_kw/1"),
        ({"load_kw": "a"}, "/load_kw"),
        ({"load_kw": [1.0, None]}, "/load_kw/1"),
        ({"load_kw": [1.0, -2.0]}, "/load_kw/1"),
        ({"load_kw": []}, "/load_kw"),
        ({"load_kw": [1.0, 2.0, 3.0]}, "/solar_kw"),
        ({"load_kw": 1.0, "solar_kw": 0.0, "import_price_per_kwh": 0.3}, "/load_kw"),
        ({"start": "2024-06-15T00:00:00"}, "/start"),
        ({"resolution": "1h"}, "/resolution"),
        ({"resolution": "PT1S"}, "/resolution"),
        ({"objective": "fun"}, "/objective"),
        ({"objective": "carbon"}, "/carbon_intensity_g_kwh"),
        ({"battery": BATTERY | {"capacity_kwh": -1.0}}, "/battery/capacity_kwh"),
        ({"battery": BATTERY | {"min_soc": 95.0}}, "/battery/min_soc"),
        ({"battery": BATTERY | {"initial_soc": 150.0}}, "/battery/initial_soc"),
        ({"battery": BATTERY | {"flux": 1.0}}, "/battery/flux"),
        ({"grid": {"max_import_kw": -1.0}}, "/grid/max_import_kw"),
    ],
)
def test_what_is_wrong_is_named_by_its_pointer_in_one_line(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read_problem(a_document(**changes))
    assert refused.value.pointer == pointer
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "text", {}])
def test_what_is_no_problem_at_all_is_refused(document: object) -> None:
    with pytest.raises(ProblemError):
        read_problem(document)
