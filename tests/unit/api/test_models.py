"""Models over HTTP: what the forecaster stored, unchanged."""

from datetime import timedelta

import pytest

from services.api.routes import examples
from shared.contracts.evaluations import EVALUATION_FILE, EvaluationDocument
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.ports.model_store import POOL, ModelManifest, Promotion
from shared.ports.progress_store import Progress
from shared.runtime.resources import Resources
from tests.unit.api.conftest import Client
from tests.unit.api.homes import NEWEST

ASK = {"site_id": "home", "target": "load"}
EVALUATION = EvaluationDocument.model_validate(examples.MODELS["evaluation"])


def test_what_all_sites_share_is_told_beside_the_models_of_one(client: Client, home: Site, resources: Resources):
    manifest = ModelManifest(
        owner=POOL, target=Target.LOAD, model_name="pool_load", model_version="p1", trained_at=NEWEST, data_start=NEWEST, data_end=NEWEST,
        catalog_version="c1", features=("hour_local",), metrics={"sites": 12.0},
    )  # fmt: skip
    resources.models.save(manifest, {"pool.json": b"{}"})
    promotion = Promotion(model_version="p1", promoted_at=NEWEST, reason="learned from 12 sites")
    resources.models.promote(owner=POOL, target=Target.LOAD, promotion=promotion)
    moment = NEWEST.isoformat()
    assert client.get("/v1/models", params=ASK).json()["pool"] == {
        "model_version": "p1", "trained_at": moment, "data_end": moment, "sites": 12,
    }  # fmt: skip


def store(resources: Resources, version: str, *, days_old: int, evaluation: EvaluationDocument | None = EVALUATION) -> None:
    trained = NEWEST - timedelta(days=days_old)
    manifest = ModelManifest(
        owner="home", target=Target.LOAD, model_name="quantile_ensemble", model_version=version, trained_at=trained,
        data_start=trained - timedelta(days=60), data_end=trained, catalog_version="c1", features=("hour_local",), metrics={"skill": 0.2},
    )  # fmt: skip
    files = {"model.json": b"{}"} | ({EVALUATION_FILE: evaluation.model_dump_json().encode()} if evaluation else {})
    resources.models.save(manifest, files)


def promote(resources: Resources, version: str | None, reason: str) -> None:
    promotion = Promotion(model_version=version, promoted_at=NEWEST, reason=reason)
    resources.models.promote(owner="home", target=Target.LOAD, promotion=promotion)


def test_a_site_without_models_has_an_empty_list(client: Client, home: Site):
    answer = client.get("/v1/models", params=ASK).json()
    assert answer == ASK | {"champion": None, "items": [], "promotions": [], "pool": None, "drift": None, "evaluation": None}


def test_the_champion_comes_with_its_stored_evaluation_and_history(client: Client, home: Site, resources: Resources):
    store(resources, "old", days_old=9, evaluation=EVALUATION.model_copy(update={"verdict": "of the champion"}))
    store(resources, "new", days_old=1)
    promote(resources, "new", "better than median_7d")
    promote(resources, "old", "the newer one did worse")
    answer = client.get("/v1/models", params=ASK).json()
    assert answer["champion"] == "old"
    assert [item["model_version"] for item in answer["items"]] == ["new", "old"]
    assert [(each["model_version"], each["reason"]) for each in answer["promotions"]] == [
        ("new", "better than median_7d"), ("old", "the newer one did worse"),
    ]  # fmt: skip
    assert answer["evaluation"]["verdict"] == "of the champion"


def test_a_deleted_site_leaves_no_model(client: Client, home: Site, resources: Resources):
    store(resources, "new", days_old=1)
    promote(resources, "new", "better than median_7d")
    assert client.delete("/v1/sites/home").status_code == 204
    assert resources.models.owners() == []


def test_a_site_is_deleted_also_where_its_models_may_only_be_read(client: Client, home: Site, resources: Resources):
    store(resources, "new", days_old=1)
    waste = resources.state_dir / "models" / ".incoming"
    waste.rmdir()
    waste.touch()  # a folder that takes nothing
    assert client.delete("/v1/sites/home").status_code == 204
    assert client.get("/v1/sites/home").status_code == 404
    assert resources.models.owners() == ["home"]


def test_where_a_baseline_serves_the_newest_evaluation_tells_why(client: Client, home: Site, resources: Resources):
    store(resources, "new", days_old=1)
    promote(resources, "new", "better than median_7d")
    promote(resources, None, "worse than median_7d of late")
    answer = client.get("/v1/models", params=ASK).json()
    assert answer["champion"] is None
    assert EvaluationDocument.model_validate(answer["evaluation"]) == EVALUATION


def test_a_model_from_before_evaluations_were_kept_has_none(client: Client, home: Site, resources: Resources):
    store(resources, "plain", days_old=1, evaluation=None)
    assert client.get("/v1/models", params=ASK).json()["evaluation"] is None


@pytest.mark.parametrize("alarm", [None, "its errors have grown"])
def test_drift_is_what_the_last_look_found(client: Client, home: Site, resources: Resources, alarm: str | None):
    resources.progress.put(Progress(step="watch.load", site_id="home", updated_at=NEWEST, last_error=alarm))
    assert client.get("/v1/models", params=ASK).json()["drift"] == {"watched_at": NEWEST.isoformat(), "alarm": alarm}


@pytest.mark.parametrize("query", [{}, {"site_id": "home"}, {"target": "load"}, {"site_id": "home", "target": "wind"}])
def test_a_site_and_a_target_must_be_named(client: Client, home: Site, query: dict[str, str]):
    assert client.get("/v1/models", params=query).status_code == 422


def test_models_of_an_unknown_site_are_not_found(client: Client, home: Site):
    for site_id in ("cottage", "_pool", "../home"):
        answer = client.get("/v1/models", params={"site_id": site_id, "target": "load"})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_site")
