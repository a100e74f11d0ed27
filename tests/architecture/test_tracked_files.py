"""What is committed speaks of the project alone: no machine, no registry, no state."""

import re
import subprocess

import pytest

from tests.architecture.source import ROOT

FOREIGN = {
    "a folder of one machine": re.compile(r"(?<![\w.])/(?:work(?:space)?|root|Users|home/\w+)/[\w.]"),
    "a package registry": re.compile(r"(?i)https?://[^\s/\"']*(?:pypi|pythonhosted|devpi|artifactory|nexus|npmjs|registry)[^\s/\"']*"),
    "an index of packages": re.compile(r"--(?:extra-)?index-url"),
    "a private key": re.compile("-----BEGIN [A-Z ]*PRIVATE " + "KEY-----"),
}


def tracked() -> list[str]:
    """Names of the committed files."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing is tracked")
    return subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def text(name: str) -> str:
    """A tracked file's text; empty for what is no text or was just deleted."""
    try:
        return (ROOT / name).read_text("utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return ""


def test_no_file_names_a_machine_or_a_registry():
    own = "tests/architecture/test_tracked_files.py"
    found = [
        f"{name}: {what}: {match[0]}"
        for name in tracked()
        if name != own
        for what, pattern in FOREIGN.items()
        if (match := pattern.search(text(name)))
    ]
    assert not found


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("/Users/alice/x", "a folder of one machine"),
            ("/home/alice/x", "a folder of one machine"),
        ("https://registry.example/simple", "a package registry"), ("http://registry.example:8080/x", "a package registry"),
    ],
)  # fmt: skip
def test_the_check_sees(line, what):
    assert FOREIGN[what].search(line)


@pytest.mark.parametrize(
    "line",
    ["http://localhost:8086", "var/work/x", "/v1/sites/home/schedules/latest", "../shared/data/", "https://awattar.example/v1", "/srv/der"],
)
def test_the_check_lets_pass(line):
    assert not any(pattern.search(line) for pattern in FOREIGN.values())


def test_no_state_is_committed():
    suffixes = (".sqlite", ".sqlite-wal", ".db", ".parquet", ".ubj", ".pkl", ".joblib", ".log", ".env", ".pyc")
    assert not [name for name in tracked() if name.endswith(suffixes) or name.startswith(("var/", ".venv/"))]


def test_text_files_end_in_one_newline_and_have_no_carriage_returns():
    texts = {
        name: text(name)
        for name in tracked()
        if name.endswith((".py", ".md", ".json", ".toml", ".sql", ".html", ".css")) and "/vendor/" not in name
    }
    assert not [
        name for name, content in texts.items() if "\r" in content or (content and (not content.endswith("\n") or content.endswith("\n\n")))
    ]
