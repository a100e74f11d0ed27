"""The import rules hold, and the house has the rooms that the plan names."""

import ast
import contextlib
import io
import re

import pytest
from importlinter.cli import lint_imports

from tests.architecture.source import ROOT, SCRIPTS, SERVICES, imports, modules, name_of, tree

ALL = modules("shared", "services", "tests", "benchmarks") + [ROOT / name for name in SCRIPTS]
OURS = [path for path in ALL if path.is_relative_to(ROOT / "shared") or path.is_relative_to(ROOT / "services")]


def test_the_import_rules_hold(monkeypatch):
    monkeypatch.chdir(ROOT)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = lint_imports(config_filename=str(ROOT / ".importlinter"), cache_dir=None)
    assert status == 0, f"run lint-imports; it says:\n{said.getvalue()}"


def folders(name: str) -> set[str]:
    """Packages directly inside a folder."""
    return {path.parent.name for path in (ROOT / name).glob("*/__init__.py")}


def test_shared_has_five_rooms():
    assert folders("shared") == {"domain", "contracts", "ports", "adapters", "runtime"}
    assert {path.name for path in (ROOT / "shared").glob("*.py")} == {"__init__.py"}


def test_there_are_six_services_and_their_embedded_deployment():
    assert folders("services") == {*SERVICES, "embedded"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("piece", ["main", "settings", "handlers", "service"])
def test_each_service_has_the_same_furniture(service, piece):
    folder = ROOT / "services" / service
    assert (folder / f"{piece}.py").is_file() or (folder / piece / "__init__.py").is_file()


@pytest.mark.parametrize(("service", "room"), SERVICES.items())
def test_each_service_has_its_own_room_and_says_what_it_is_for(service, room):
    folder = ROOT / "services" / service
    assert ast.get_docstring(tree(folder / "__init__.py"))
    assert (folder / room / "__init__.py").is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_each_composition_root_offers_its_commands_and_its_parts(service):
    module = tree(ROOT / "services" / service / "main.py")
    defined = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    defined |= {node.target.id for node in module.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    assert {"COMMANDS", "cli", "build"} <= defined
    assert defined & {"parts", "create"}  # what serves HTTP creates its application and its parts together


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_root_script_is_one_import_and_one_call(script):
    module = tree(ROOT / script)
    code = [line for line in (ROOT / script).read_text("utf-8").splitlines() if line.strip() and not line.startswith(('"""', "#"))]
    assert len(code) <= 10
    assert [name for name in imports(module) if name != "sys"] == ["shared.runtime.start.start"]
    roots = [*(f"{service}.main" for service in SERVICES), "embedded.forecasting"]
    starts = [f"start('services.{root}')" for root in roots]
    calls = [ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Call)]
    assert calls in [[f"sys.exit({start})", start] for start in starts]


def test_no_module_is_named_after_a_technique():
    techniques = {"utils", "util", "helpers", "helper", "common", "misc", "crud", "manager", "managers", "base_classes", "tools", "lib"}
    assert not [name_of(path) for path in ALL if techniques & {path.stem, *path.relative_to(ROOT).parts}]


def test_nothing_is_pickled():
    pickling = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    assert not [f"{name_of(path)}: {name}" for path in ALL for name in imports(tree(path)) if name.split(".")[0] in pickling]
    asked = {"read_pickle", "to_pickle", "allow_pickle"}
    suspects = [path for path in ALL if "pickle" in path.read_text("utf-8")]
    nodes = [(name_of(path), node) for path in suspects for node in ast.walk(tree(path))]
    named = [f"{name}:{node.lineno}" for name, node in nodes if isinstance(node, ast.Attribute) and node.attr in asked]
    allowed = [node.value for _, node in nodes if isinstance(node, ast.keyword) and node.arg in asked]
    assert not named
    assert all(isinstance(value, ast.Constant) and value.value is False for value in allowed)


def test_nothing_of_ours_is_mocked():
    mocking = ("unittest.mock", "mock", "pytest_mock")
    assert not [f"{name_of(path)}: {name}" for path in modules("tests") for name in imports(tree(path)) if name.startswith(mocking)]


SPEAKS = re.compile(r"services/(\w+/main|embedded/\w+)\.py|shared/runtime/(cli|health_check|progress|table|life)\.py|.+/__main__\.py")
"""Modules that talk to a person; all others return what they did, or log it."""


def test_only_the_command_line_prints():
    calls = [(name_of(path), node) for path in OURS for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    assert not [
        f"{name}:{node.lineno}" for name, node in calls if not SPEAKS.fullmatch(name) and ast.unparse(node.func) in {"print", "pprint"}
    ]


def test_every_module_says_what_it_is():
    assert not [name_of(path) for path in OURS if not ast.get_docstring(tree(path))]


def clock_readers() -> list[str]:
    """Calls of the machine's clock outside the adapters, which are the machine's side of the house."""
    readings = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "pd.Timestamp.now", "pd.Timestamp.utcnow"}
    return [
        f"{name_of(path)}:{node.lineno}"
        for path in OURS
        if not path.is_relative_to(ROOT / "shared" / "adapters")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in readings
    ]


def test_the_time_comes_from_the_clock_of_the_resources():
    assert not clock_readers(), "take now from resources.clock in main or a handler, and pass it on as a value"
