from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecaster.service.registry import KEPT, champion_of, previous_of, prune, serving, succession, versions_of
from shared.adapters.model_dir import ModelDir
from shared.domain.forecast import Target
from shared.ports.model_store import ModelManifest, Promotion
from tests.factories import NOON

OWNER = "home"


def a_promotion(version: str | None) -> Promotion:
    return Promotion(model_version=version, promoted_at=NOON, reason="better than median_7d")


def a_history(words: str) -> list[Promotion]:
    return [a_promotion(None if word == "-" else word) for word in words]


class Shelf:
    """A folder of models that nobody trained."""

    def __init__(self, folder: Path) -> None:
        self.models = ModelDir(folder)

    def add(self, version: str, *, age_days: int) -> None:
        manifest = ModelManifest(
            owner=OWNER,
            target=Target.LOAD,
            model_name="quantile_ensemble",
            model_version=version,
            trained_at=NOON - timedelta(days=age_days),
            data_start=NOON - timedelta(days=90),
            data_end=NOON - timedelta(days=age_days),
            catalog_version="one",
            features=("hour_local",),
        )
        self.models.save(manifest, {"model.json": b"{}"})

    def promote(self, *versions: str) -> None:
        for version in versions:
            self.models.promote(owner=OWNER, target=Target.LOAD, promotion=a_promotion(version))

    def versions(self) -> list[str]:
        return [manifest.model_version for manifest in versions_of(self.models, OWNER, Target.LOAD, problems=[])]


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


@pytest.mark.parametrize(
    ("history", "line"), [("", ""), ("a", "a"), ("abc", "cba"), ("abcb", "ba"), ("ab-", ""), ("ab-c", "c"), ("aba", "a"), ("aa", "a")]
)
def test_a_return_forgets_the_later_ones_and_a_baseline_s_turn_forgets_all(history, line):
    assert "".join(succession(a_history(history))) == line


@given(st.text(alphabet="abcd-", max_size=12))
def test_what_was_promoted_last_leads_and_none_stands_in_line_twice(history):
    line = succession(a_history(history))
    assert len(set(line)) == len(line)
    assert line[:1] == [word for word in history[-1:] if word != "-"]


def test_the_champion_the_one_before_it_and_the_newest_are_kept(shelf):
    for age in range(KEPT + 6):
        shelf.add(f"v{age}", age_days=age)
    shelf.promote("v9", "v10", "v8")
    prune(shelf.models, OWNER, Target.LOAD)
    assert shelf.versions() == [*(f"v{age}" for age in range(KEPT)), "v8", "v10"]
    assert (champion_of(shelf.models, OWNER, Target.LOAD), previous_of(shelf.models, OWNER, Target.LOAD)) == ("v8", "v10")


def test_pruning_a_few_versions_removes_none(shelf):
    for age in range(KEPT):
        shelf.add(f"v{age}", age_days=age)
    prune(shelf.models, OWNER, Target.LOAD)
    assert len(shelf.versions()) == KEPT


def test_an_unreadable_champion_and_its_forerunner_are_both_named(shelf):
    for version in ("a", "b"):
        shelf.add(version, age_days=1)
    shelf.promote("a", "b")
    found = serving(shelf.models, owner=OWNER, target=Target.LOAD, catalog_version="one")
    assert found.model is None
    assert [problem.split(":")[0] for problem in found.problems] == ["model b", "model a"]
