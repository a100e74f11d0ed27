"""The committed JSON schemas are those of the models."""

import json

import pytest

from shared.contracts.base import Wire
from shared.contracts.events import EVENTS
from shared.contracts.schemas import FOLDER, MODELS, generate, write
from tests.unit.domain.test_reading import SAMPLE

TEXTS = generate()


def test_the_committed_files_are_the_generated_ones():
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    differing = sorted(name for name in committed.keys() | TEXTS.keys() if committed.get(name) != TEXTS.get(name))
    assert not differing, (
        f"schemas differ from the models: {', '.join(differing)}; run python -m shared.contracts.schemas and commit the files"
    )


def test_every_event_has_a_schema():
    assert {f"{event}.json" for event in EVENTS} < TEXTS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_closes_its_objects_and_explains_itself(name):
    schema = json.loads(TEXTS[f"{name}.json"])
    objects = [schema, *schema.get("$defs", {}).values()]
    assert all(item["additionalProperties"] is False for item in objects if item.get("type") == "object")
    assert schema["description"]


def test_no_schema_takes_a_text_for_a_number():
    fields = json.loads(TEXTS["reading.json"])["$defs"]["BatteryReading"]["properties"]
    assert {tuple(kind["type"] for kind in field["anyOf"]) for field in fields.values()} == {("number", "null")}


def test_writing_again_replaces_what_changed_and_deletes_what_is_gone(tmp_path):
    assert write(tmp_path) == sorted(TEXTS)
    assert write(tmp_path) == []
    (tmp_path / "site.json").write_text("{}")
    (tmp_path / "gone.v1.json").write_text("{}")
    assert write(tmp_path) == ["gone.v1.json", "site.json"]
    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == TEXTS


def test_the_sample_reading_has_the_names_of_its_schema():
    schema, sample = json.loads(TEXTS["reading.json"]), json.loads(SAMPLE)
    assert schema["properties"].keys() == sample.keys()
    for section in ("solar", "battery", "home_load", "grid_price"):
        definition = schema["properties"][section]["$ref"].rsplit("/", 1)[-1]
        assert schema["$defs"][definition]["properties"].keys() == sample[section].keys()


def test_models_are_wire_models():
    assert all(issubclass(model, Wire) for model in MODELS.values())
