"""Tables are aligned plain text where nobody watches a terminal."""

from datetime import UTC, datetime, timedelta

from shared.runtime.progress import progress
from shared.runtime.table import print_table


def test_a_table_is_aligned_plain_text_outside_a_terminal(capsys):
    print_table(
        ["site", "lag", "last", "share", "error"],
        [
            ["home", timedelta(minutes=5, milliseconds=4), datetime(2024, 6, 15, 12, 0, 0, 7, tzinfo=UTC), 0.25, None],
            ["a-longer-name", "", 3, 1e-9, "x"],
        ],
    )
    assert capsys.readouterr().out == (
        "site           lag      last                 share  error\n"
        "home           0:05:00  2024-06-15 12:00:00  0.25   -\n"
        "a-longer-name  -        3                    1e-09  x\n"
    )


def test_a_table_without_rows_is_its_headings(capsys):
    print_table(["site", "lag"], [])
    assert capsys.readouterr().out == "site  lag\n"


def test_progress_outside_a_terminal_is_a_line_at_each_end(capsys):
    with progress("simulating 60 days", total=60) as advance:
        advance(30)
        advance(30)
    assert capsys.readouterr().err == "simulating 60 days ...\nsimulating 60 days: done\n"
