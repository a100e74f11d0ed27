"""Every event goes into an envelope and comes out the same; what is not known is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from shared.contracts.envelope import Envelope, UnknownEventError, wrap
from shared.contracts.events import (
    EVENTS,
    FeaturesTableBuilt,
    ForecastRunPublished,
    JobBatchRequested,
    ModelDrifted,
    ModelTrainingCompleted,
    ModelTrainingRequested,
    ReadingColumnsRecorded,
    ReadingsRecorded,
    ScheduleRunPublished,
    ScheduleRunRequested,
    SyncWindowCompleted,
)  # fmt: skip
from shared.contracts.reading_frames import columns_from_frame
from shared.contracts.readings import ReadingDocument
from shared.domain.forecast import Target
from tests.factories import readings
from tests.unit.domain.test_reading import SAMPLE

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
SAMPLES = (
    ReadingsRecorded(site_id="home", readings=[ReadingDocument.model_validate_json(SAMPLE)]),
    ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(readings(hours=1))),
    SyncWindowCompleted(site_id="home", start=NOW, end=NOW + timedelta(hours=1), accepted=4, rejected=0),
    FeaturesTableBuilt(site_id="home", start=NOW, end=NOW + timedelta(hours=1), rows=4, catalog_version="1"),
    ModelTrainingRequested(site_id="home"),
    *(batch(job_ids=["forecast.run:home:20240615T120000Z"]) for batch in JobBatchRequested.__subclasses__()),
    ModelTrainingCompleted(site_id="home", target=Target.LOAD, model_name="m", model_version="1", promoted=True, skill=None),
    ModelDrifted(site_id="home", target=Target.LOAD, model_version="1", alarm="errors have grown", still_serves=True),
    ForecastRunPublished(site_id="home", issued_at=NOW, targets=[Target.LOAD, Target.SOLAR], forecast_ids=["a", "b"]),
    ScheduleRunRequested(site_id="home"),
    ScheduleRunPublished(site_id="home", schedule_id="home.20240615T120000Z", issued_at=NOW, status="optimal"),
)


def wrapped(event=SAMPLES[4], **changes) -> Envelope:
    return wrap(event, **({"source": "gateway_sim", "time": NOW} | changes))


def test_there_is_a_sample_of_every_event():
    assert {type(event) for event in SAMPLES} == set(EVENTS.values())


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.TYPE)
def test_an_event_comes_out_of_its_envelope_as_it_went_in(event):
    carried = Envelope.model_validate_json(wrapped(event).model_dump_json())
    assert carried.type == event.TYPE
    assert carried.event() == event


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.TYPE)
def test_an_event_with_an_unknown_field_is_malformed_in_one_line(event):
    envelope = wrapped(event)
    with pytest.raises(
        UnknownEventError, match=rf"^message of type '{event.TYPE}' is malformed: surprise: Extra inputs are not permitted$"
    ):
        envelope.model_copy(update={"data": {**envelope.data, "surprise": 1}}).event()


@pytest.mark.parametrize("kind", ["telemetry.reading.recorded.v3", "telemetry.reading.recorded", "reading", ""])
def test_an_unknown_type_or_major_version_is_named_with_those_that_are_known(kind):
    with pytest.raises(UnknownEventError) as problem:
        wrapped().model_copy(update={"type": kind}).event()
    assert repr(kind) in str(problem.value)
    assert "telemetry.reading.recorded.v1" in str(problem.value)


def test_each_type_names_context_noun_verb_and_major_version():
    for name, event in EVENTS.items():
        context, noun, participle, major = name.split(".")
        assert context.isalpha()
        assert noun.isalpha()
        assert participle.endswith("ed") or participle == "built"
        assert major in ("v1", "v2")
        assert name == event.TYPE


def test_a_message_that_nothing_caused_begins_a_correlation():
    first, other = wrapped(), wrapped()
    assert first.correlationid == first.id
    assert first.causationid is None
    assert first.id != other.id


def test_a_given_correlation_id_is_kept():
    assert wrapped(correlation_id="request-7").correlationid == "request-7"


def test_a_message_carries_the_correlation_of_its_cause_through_a_chain():
    first = wrapped(correlation_id="request-7")
    second = wrapped(SAMPLES[4], cause=first)
    third = wrapped(SAMPLES[5], cause=second, correlation_id="another")
    assert [message.correlationid for message in (first, second, third)] == ["request-7"] * 3
    assert [message.causationid for message in (first, second, third)] == [None, first.id, second.id]
    assert len({first.id, second.id, third.id}) == 3


def test_the_envelope_has_the_attribute_names_of_cloudevents_and_its_time_in_utc():
    envelope = wrapped(time=NOW.astimezone(timezone(timedelta(hours=2))))
    document = json.loads(envelope.model_dump_json())
    assert document.keys() == {"specversion", "id", "type", "source", "time", "correlationid", "causationid", "data"}
    assert document["specversion"] == "1.0"
    assert document["time"] == "2024-06-15T12:00:00+00:00"


def test_the_time_of_a_message_needs_an_offset():
    with pytest.raises(ValidationError, match="no offset"):
        wrapped(time=NOW.replace(tzinfo=None))


def test_a_batch_has_a_limit():
    reading = SAMPLES[0].readings[0]
    with pytest.raises(ValidationError):
        ReadingsRecorded(site_id="home", readings=[reading] * 10_001)


@pytest.mark.parametrize(
    ("type_", "remedy"),
    [
        ("telemetry.reading.recorded.v3", "recorded.v2; upgrade this program, then replay the message$"),
        ("telemetry.reading.recorded.v0", "recorded.v2; upgrade the program that sent it$"),
        ("telemetry.reading.guessed.v1", "this program knows .*telemetry.reading.recorded.v2"),
    ],
)
def test_an_unknown_type_or_version_is_told_with_what_is_known_and_what_to_do(type_, remedy):
    envelope = Envelope(id="1", type=type_, source="test", time=NOW, correlationid="1", data={})
    with pytest.raises(UnknownEventError, match=remedy):
        envelope.event()
