"""Forecasts, schedules and savings over HTTP."""

from datetime import timedelta

import pytest

from services.api.routes import examples
from shared.contracts.forecasts import ForecastDocument
from shared.contracts.savings import SavingsDocument
from shared.contracts.schedules import ScheduleDocument
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.runtime.resources import Resources
from tests.unit.api.conftest import Client
from tests.unit.api.homes import NEWEST, QUARTER, a_schedule

NOW = NEWEST + QUARTER


def test_the_newest_forecast_is_what_the_store_holds(client: Client, home: Site, resources: Resources):
    answer = client.get("/v1/sites/home/forecasts/latest", params={"target": "load"})
    stored = resources.forecasts.latest(site_id="home", target=Target.LOAD)
    assert ForecastDocument.model_validate(answer.json()) == ForecastDocument.from_domain(stored)
    assert set(answer.json()["quantiles"]) == {"0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"}


def test_a_forecast_as_of_a_moment_is_the_one_known_then(client: Client, home: Site):
    ask = {"target": "solar", "as_of": (NOW - timedelta(minutes=1)).isoformat()}
    assert client.get("/v1/sites/home/forecasts", params=ask).json()["issued_at"] == (NOW - timedelta(days=1)).isoformat()
    ask["as_of"] = (NOW - timedelta(days=2)).isoformat()
    assert client.get("/v1/sites/home/forecasts", params=ask).json()["code"] == "no_forecast"


@pytest.mark.parametrize("query", [{}, {"target": "wind"}, {"target": "load", "as_of": "2024-06-15T00:00:00Z"}])
def test_a_wrong_question_for_the_newest_forecast_is_422(client: Client, home: Site, query: dict[str, str]):
    answer = client.get("/v1/sites/home/forecasts/latest", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("?")


def test_a_schedule_is_found_as_the_newest_by_its_id_and_by_its_time(client: Client, home: Site, resources: Resources):
    older = a_schedule(home, NOW - timedelta(hours=3))
    resources.schedules.put(older)
    newest = client.get("/v1/sites/home/schedules/latest").json()
    assert ScheduleDocument.model_validate(newest).to_domain() == resources.schedules.latest(site_id="home")
    assert client.get(f"/v1/schedules/{newest['schedule_id']}").json() == newest
    as_of = {"as_of": (NOW - timedelta(hours=1)).isoformat()}
    assert client.get("/v1/sites/home/schedules/latest", params=as_of).json()["schedule_id"] == older.schedule_id


def test_the_list_of_schedules_is_paged_newest_first(client: Client, home: Site, resources: Resources):
    for hours in (1, 2, 3, 4):
        resources.schedules.put(a_schedule(home, NOW - timedelta(hours=hours)))
    found, query = [], {"limit": 2}
    while True:
        page = client.get("/v1/sites/home/schedules", params=query).json()
        found += [item["schedule_id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == resources.schedules.list_ids(site_id="home")
    assert len(found) == 5
    assert client.get("/v1/sites/home/schedules", params={"cursor": "x"}).json()["errors"][0]["pointer"] == "?cursor"


def test_savings_come_with_the_captured_share(client: Client, home: Site, resources: Resources):
    answer = client.get("/v1/sites/home/savings").json()
    report = resources.savings.latest(site_id="home")
    assert SavingsDocument.model_validate(answer) == SavingsDocument.from_domain(report)
    shares = {bill["policy"]: bill["captured_share"] for bill in answer["bills"]}
    assert (shares["no_battery"], shares["perfect_foresight"]) == (0.0, 1.0)
    assert 0.8 < shares["planned"] < 1.0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/sites/home/forecasts/latest?target=load", "no_forecast"),
        ("/v1/sites/home/schedules/latest", "no_schedule"),
        ("/v1/sites/home/savings", "no_savings"),
        ("/v1/sites/home/tariff", "no_tariff"),
        ("/v1/schedules/home.20240615T140005Z", "unknown_schedule"),
        ("/v1/sites/nobody/status", "unknown_site"),
        ("/v1/sites/nobody/readings/series", "unknown_site"),
        ("/v1/sites/%00/schedules", "unknown_site"),
    ],
)
def test_what_is_not_there_yet_is_404_with_its_code_and_the_remedy(client: Client, path: str, code: str):
    client.put("/v1/sites/home", json=examples.SITE)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert len(answer.json()["detail"]) > 30
