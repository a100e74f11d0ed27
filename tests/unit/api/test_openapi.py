"""The API's document: complete, committed, and true."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from services.api.routes import examples
from services.api.routes.pages import DASHBOARD
from services.api.routes.schemas import BatchVerdict, ModelList, ReadingList, ReadingSeriesDocument, ScheduleList, SiteStatusDocument
from shared.contracts.base import Wire
from shared.contracts.forecasts import ForecastDocument
from shared.contracts.readings import ReadingDocument
from shared.contracts.savings import SavingsDocument
from shared.contracts.schedules import ScheduleDocument
from shared.contracts.sites import SiteDocument, TariffDocument
from tests.unit.api.conftest import Client

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", operation) for path, methods in document["paths"].items() for method, operation in methods.items()]


def test_the_committed_document_is_the_served_one(client: Client):
    served = client.get("/openapi.json").json()
    assert json.loads(COMMITTED.read_text()) == served, "make it again with: der openapi > docs/openapi.json"


def test_the_document_is_openapi_3_1(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")


def test_every_operation_says_what_it_is_for(document: dict[str, Any]):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert len(operation["description"]) > 40, name
        assert operation["tags"], name
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_good_answer_has_an_example_and_a_named_schema(document: dict[str, Any]):
    for name, operation in operations(document):
        good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2") and status != "204"}
        assert good or "204" in operation["responses"], name
        first = next(iter(good.values()), None)
        if first is not None:
            content = next(iter(first["content"].values()))
            assert "example" in content, name
            assert "$ref" in content["schema"] or content["schema"] == {"type": "string"}, name


def test_every_operation_names_its_problems(document: dict[str, Any]):
    for name, operation in operations(document):
        assert {"421", "422", "500"} <= set(operation["responses"]), name
        for status, answer in operation["responses"].items():
            if status.startswith("4") or status == "500":
                assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}, name


def test_every_reference_leads_somewhere(document: dict[str, Any]):
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
    assert all(schema.get("description") for name, schema in document["components"]["schemas"].items()), "a schema without a description"


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (SiteDocument, examples.SITE),
        (TariffDocument, examples.TARIFF),
        (ReadingDocument, examples.READING),
        (BatchVerdict, examples.VERDICT),
        (ReadingList, examples.READING_LIST),
        (ReadingSeriesDocument, examples.SERIES),
        (SiteStatusDocument, examples.STATUS),
        (ForecastDocument, examples.FORECAST),
        (ModelList, examples.MODELS),
        (ScheduleDocument, examples.SCHEDULE),
        (ScheduleList, examples.SCHEDULE_LIST),
        (SavingsDocument, examples.SAVINGS),
    ],
)
def test_every_example_is_valid_and_complete(model: type[Wire], example: dict[str, Any]):
    assert json.loads(model.model_validate(example).model_dump_json()) == example


def test_the_pages_load_nothing_from_elsewhere(client: Client):
    for path in ("/", "/docs"):
        page = client.get(path).text
        assert "//" not in page.replace("<!doctype", "").split("<body>")[0].replace("</", "")
        assert "<style" not in page
        assert "style=" not in page
        assert all("src=" in tag for tag in page.split("<script")[1:])


def test_vendored_files_are_as_published():
    for folder in ("uplot", "swagger-ui"):
        lines = (DASHBOARD / "assets/vendor" / folder / "VERSION").read_text().splitlines()[1:]
        assert lines
        for line in lines:
            digest, name = line.split()
            assert hashlib.sha256((DASHBOARD / "assets/vendor" / folder / name).read_bytes()).hexdigest() == digest
