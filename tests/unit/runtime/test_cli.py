"""Command lines: exit statuses, one clear line, help that teaches by example."""

import argparse
import os
import signal
import subprocess
import sys

import pytest

from shared.domain.errors import InvalidValueError
from shared.ports.errors import CorruptError, UnavailableError
from shared.runtime.cli import Parser, ProblemsError, UsageError, ended_by_sigterm, positive, readable_file, run


def raising(problem: BaseException):
    def body() -> int:
        raise problem

    return body


class TestTheExitStatus:
    @pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1), (3, 3)])
    def test_is_what_the_body_returns(self, returned, status):
        assert run("der", lambda: returned) == status

    @pytest.mark.parametrize(
        "problem",
        [
            UsageError("PORT is 99999: must be at most 65535"),
            InvalidValueError("capacity_kwh", -1.0, "must be above 0"),
            UnavailableError("cloud.sqlite is locked; wait for the other process"),
            CorruptError("cloud.sqlite is damaged; it was set aside", "cloud.sqlite.corrupt"),
        ],
        ids=lambda problem: type(problem).__name__,
    )
    def test_is_2_after_one_line_for_what_a_person_can_mend(self, problem, capsys):
        assert run("der sync", raising(problem)) == 2
        printed = capsys.readouterr()
        assert printed.err == f"der sync: {problem}\n"
        assert printed.out == ""

    def test_is_130_after_an_interrupt(self):
        assert run("der", raising(KeyboardInterrupt())) == 130

    def test_is_143_after_sigterm_where_the_work_is_put_in_order_first(self):
        order = []

        def body() -> None:
            with ended_by_sigterm():
                try:
                    signal.raise_signal(signal.SIGTERM)
                finally:
                    order.append("put in order")

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as end:
            run("der", body)
        assert (end.value.code, order) == (143, ["put in order"])
        assert signal.getsignal(signal.SIGTERM) is before

    def test_is_2_after_a_line_for_each_of_several_problems(self, capsys):
        assert run("der", raising(ProblemsError("home.json has 2 problems:", ["a is 1:\n wrong", "b is 2: wrong"]))) == 2
        assert capsys.readouterr().err == "der: home.json has 2 problems:\n  a is 1: wrong\n  b is 2: wrong\n"

    def test_does_not_hide_a_bug(self):
        with pytest.raises(ZeroDivisionError):
            run("der", raising(ZeroDivisionError()))

    def test_is_that_of_the_body_without_a_standard_output(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        assert run("der", lambda: 3) == 3

    def test_shows_what_would_steer_a_terminal_as_text(self, capsys):
        run("der", raising(UsageError("\x1b[2Jné\ud800\x9b1m is no known field")))
        assert capsys.readouterr().err == "der: \\x1b[2Jné\\ud800\\x9b1m is no known field\n"

    def test_tells_a_problem_of_several_lines_in_one(self, capsys):
        run("der", raising(UsageError("first\n  second")))
        assert capsys.readouterr().err == "der: first second\n"

    @pytest.mark.parametrize(
        "body", ["while True: print('x' * 999)", "sys.stdin.read(); print('late')"], ids=["while it speaks", "before it speaks"]
    )
    def test_is_0_without_a_word_when_the_reader_of_the_output_has_gone(self, body):
        program = f"import sys\nfrom shared.runtime.cli import run\ndef body():\n    {body}\nsys.exit(run('der', body))"
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        )  # fmt: skip
        process.stdout.close()
        process.stdin.close()
        assert (process.wait(30), process.stderr.read()) == (0, b"")
        process.stderr.close()


class TestAParser:
    def test_says_what_is_wrong_in_one_line_and_exits_2(self, capsys):
        parser = Parser(prog="run_cloud_sync.py")
        parser.add_argument("--interval", type=positive(float))
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(["--interval", "-1"])
        assert stop.value.code == 2
        printed = capsys.readouterr().err
        assert printed == "run_cloud_sync.py: argument --interval: -1 must be above 0 (see run_cloud_sync.py --help)\n"

    def test_shows_examples_as_they_are_written(self):
        help_text = Parser(prog="der", examples="  der run --port 8080      another port").format_help()
        assert help_text.endswith("examples:\n  der run --port 8080      another port\n")

    def test_does_not_guess_from_a_part_of_an_option(self, capsys):
        parser = Parser(prog="der")
        parser.add_argument("--interval")
        with pytest.raises(SystemExit):
            parser.parse_args(["--inter", "5"])
        assert "unrecognized arguments" in capsys.readouterr().err


class TestAnArgument:
    @pytest.mark.parametrize(("kind", "text", "value"), [(float, "0.5", 0.5), (int, "3", 3), (float, "1e3", 1000.0)])
    def test_above_zero_is_taken(self, kind, text, value):
        assert positive(kind)(text) == value

    @pytest.mark.parametrize(
        ("kind", "text", "message"),
        [
            (float, "0", "must be above 0"), (float, "-5", "must be above 0"), (float, "nan", "must be above 0"),
            (float, "inf", "must be above 0"),
            (float, "soon", "'soon' is not a number"), (int, "2.5", "'2.5' is not a whole number"), (int, "", "'' is not a whole number"),
        ],
    )  # fmt: skip
    def test_that_is_no_number_above_zero_is_refused(self, kind, text, message):
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            positive(kind)(text)

    def test_that_names_a_file_must_name_one(self, tmp_path):
        (tmp_path / "home.csv").touch()
        assert readable_file(str(tmp_path / "home.csv")) == tmp_path / "home.csv"
        for missing in (tmp_path, tmp_path / "gone.csv", tmp_path / ("n" * 300)):
            with pytest.raises(argparse.ArgumentTypeError, match="give the path of an existing file"):
                readable_file(str(missing))
