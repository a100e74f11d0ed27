"""The document of all messages: committed, whole, and true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import asyncapi
from shared.contracts.envelope import Envelope
from shared.contracts.events import EVENTS
from shared.contracts.examples import BODIES, envelope_of
from shared.contracts.topology import QUEUES

DOCS = Path(__file__).resolve().parents[3] / "docs"
DOCUMENT = asyncapi.document()


def test_the_committed_files_are_the_generated_ones():
    assert (DOCS / "asyncapi.json").read_text("utf-8") == asyncapi.text(), "make it again with: der asyncapi > docs/asyncapi.json"
    assert (DOCS / "messages.md").read_text("utf-8") == asyncapi.page(), "make it again with: der asyncapi --page > docs/messages.md"


def test_every_event_and_every_queue_is_in_it():
    assert DOCUMENT["components"]["messages"].keys() == EVENTS.keys()
    assert DOCUMENT["channels"].keys() == EVENTS.keys() | {queue.name for queue in QUEUES}
    actions = [(operation["action"], operation["channel"]["$ref"]) for operation in DOCUMENT["operations"].values()]
    assert sorted(actions) == sorted(
        [("send", f"#/channels/{name}") for name in EVENTS] + [("receive", f"#/channels/{queue.name}") for queue in QUEUES]
    )


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_example_is_a_message_that_every_consumer_understands(event_type):
    (example,) = DOCUMENT["components"]["messages"][event_type]["examples"]
    envelope = Envelope.model_validate_json(json.dumps(example["payload"]))
    assert envelope.event() == EVENTS[event_type].model_validate(BODIES[event_type])
    assert envelope == envelope_of(event_type)


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for item in node for found in references(item)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere():
    found = references(DOCUMENT)
    assert found
    for reference in found:
        place = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_the_page_links_to_places_that_are_there():
    page = asyncapi.page()
    headings = {heading.replace(".", "") for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.+?)\)", page)) <= headings
    files = [link for link in re.findall(r"\]\(([^#)]+)\)", page) if "://" not in link]
    assert len(files) == 1 + len(EVENTS)
    assert all((DOCS / link).is_file() for link in files)
