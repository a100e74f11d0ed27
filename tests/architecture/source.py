"""The project's own source, for the tests of this folder."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ("run_simulator.py", "run_cloud_sync.py", "run_feature_engineering.py", "run_model_training.py")
SERVICES = {
    "gateway_sim": "plant",
    "sync": "replication",
    "features": "recipe",
    "forecaster": "model",
    "optimizer": "planning",
    "api": "routes",
}
"""Each service with the room that is its own."""


def modules(*folders: str) -> list[Path]:
    """Every Python file under these folders, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """A path as a person names it."""
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    """The parsed module."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def imports(module: ast.Module) -> Iterator[str]:
    """Full names of everything that a module imports, wherever it stands."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
