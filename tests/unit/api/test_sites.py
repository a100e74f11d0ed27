"""Sites and tariffs over HTTP."""

import pytest

from services.api.routes import examples
from shared.domain.site import Site
from tests.unit.api.conftest import Client


def test_a_created_site_comes_back_as_it_was_sent(client: Client):
    created = client.post("/v1/sites", json=examples.SITE)
    assert (created.status_code, created.headers["location"]) == (201, "/v1/sites/home")
    assert client.get("/v1/sites/home").json() == examples.SITE == created.json()
    assert client.get("/v1/sites").json() == {"items": [examples.SITE], "next": None}


def test_an_id_is_taken_once(client: Client, home: Site):
    answer = client.post("/v1/sites", json=examples.SITE)
    assert (answer.status_code, answer.json()["code"]) == (409, "site_exists")
    assert client.get("/v1/sites/home").json()["name"] == home.name


def test_a_put_creates_first_and_replaces_then(client: Client):
    assert client.put("/v1/sites/home", json=examples.SITE).status_code == 201
    assert client.put("/v1/sites/home", json={"site_id": "home", "name": "Renamed"}).status_code == 200
    stored = client.get("/v1/sites/home").json()
    assert (stored["name"], stored["battery"]) == ("Renamed", None)


def test_a_put_to_another_path_points_at_the_id(client: Client):
    answer = client.put("/v1/sites/other", json=examples.SITE)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/site_id"


def test_a_patch_changes_what_it_names_alone(client: Client, home: Site):
    before = client.get("/v1/sites/home").json()
    after = client.patch("/v1/sites/home", json={"battery": {"min_soc": 25.0}}).json()
    assert after == before | {"battery": before["battery"] | {"min_soc": 25.0}} == client.get("/v1/sites/home").json()


def test_a_null_in_a_patch_takes_the_thing_away(client: Client, home: Site):
    assert client.patch("/v1/sites/home", json={"solar": None}).json()["solar"] is None


def test_a_patch_that_makes_nonsense_changes_nothing(client: Client, home: Site):
    before = client.get("/v1/sites/home").json()
    for patch, pointer in (
        ({"battery": {"capacity_kwh": -1}}, "/battery/capacity_kwh"),
        ({"battery": {"colour": "red"}}, "/battery/colour"),
    ):
        answer = client.patch("/v1/sites/home", json=patch)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert client.get("/v1/sites/home").json() == before


def test_a_deleted_site_is_gone_with_its_data(client: Client, home: Site):
    assert client.delete("/v1/sites/home").status_code == 204
    assert client.get("/v1/sites/home").json()["code"] == "unknown_site"
    assert client.delete("/v1/sites/home").status_code == 404
    client.put("/v1/sites/home", json=examples.SITE)
    assert client.get("/v1/sites/home/readings/latest").json()["items"] == []


def test_a_tariff_comes_back_as_it_was_set(client: Client):
    client.put("/v1/sites/home", json=examples.SITE)
    assert client.get("/v1/sites/home/tariff").json()["code"] == "no_tariff"
    assert client.put("/v1/sites/home/tariff", json=examples.TARIFF).json() == examples.TARIFF
    assert client.get("/v1/sites/home/tariff").json() == examples.TARIFF


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"battery": {"capacity_kwh": -1.0, "max_charge_rate_kw": 5, "max_discharge_rate_kw": 5}}, "/battery/capacity_kwh"),
        ({"battery": {"capacity_kwh": True, "max_charge_rate_kw": 5, "max_discharge_rate_kw": 5}}, "/battery/capacity_kwh"),
        ({"battery": {"capacity_kwh": "13.5", "max_charge_rate_kw": 5, "max_discharge_rate_kw": 5}}, "/battery/capacity_kwh"),
        ({"latitude": 91.0, "longitude": 0.0}, "/latitude"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"resolution": "PT7M"}, "/resolution"),
        ({"resolution": "a while"}, "/resolution"),
        ({"site_id": "../etc"}, "/site_id"),
        ({"colour": "red"}, "/colour"),
        ({"live": "yes"}, "/live"),
    ],
)
def test_a_wrong_value_is_pointed_at_and_nothing_is_stored(client: Client, change: dict, pointer: str):
    answer = client.post("/v1/sites", json={"site_id": "home"} | change)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert client.get("/v1/sites").json()["items"] == []


def test_the_status_tells_what_is_there(client: Client, home: Site):
    status = client.get("/v1/sites/home/status").json()
    assert status["time_stands"]
    assert status["now"] == "2024-06-15T12:00:00+00:00", "the end of the newest reading's step"
    assert status["readings_count"] == 288
    assert set(status["forecasts_issued_at"]) == {"load", "solar"}
    assert status["steps"][0]["step"] == "sync"


def test_the_status_of_a_new_site_is_empty(client: Client):
    client.put("/v1/sites/home", json={"site_id": "home"})
    status = client.get("/v1/sites/home/status").json()
    assert (status["readings_count"], status["readings_end"], status["schedule_id"], status["has_tariff"]) == (0, None, None, False)
