"""Tables for people, where there is no terminal."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime.table import print_table


def test_cells_are_aligned_under_their_headings_and_nothing_is_a_dash(capsys: pytest.CaptureFixture[str]):
    moment = datetime(2024, 6, 15, 12, 30, 5, 999, tzinfo=UTC)
    print_table(("site", "until", "lag", "error"), [("home", moment, timedelta(seconds=61.4), None), ("a-longer-name", None, 0.5, "")])
    assert capsys.readouterr().out.splitlines() == [
        "site           until                lag      error",
        "home           2024-06-15 12:30:05  0:01:01  -",
        "a-longer-name  -                    0.5      -",
    ]
