"""Readings: batches in, pages and series out."""

import base64
import binascii
import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from services.api.routes import examples
from services.api.routes.context import READS, WRITES, Context, Needs, answers
from services.api.routes.problems import ProblemError, ProblemException, invalid, pointer, sentence
from services.api.routes.schemas import (
    BatchVerdict,
    QueryInstant,
    ReadingList,
    ReadingSeriesDocument,
    RefusedRowDocument,
    RowFaultDocument,
    StoredReading,
)
from services.api.routes.sites import SiteId
from services.api.routes.strict import StrictRoute
from services.api.service import Fault, RecordedReadings, RefusedRow
from shared.contracts.envelope import wrap
from shared.contracts.events import SyncWindowCompleted
from shared.contracts.reading_frames import documents_from_frame
from shared.contracts.readings import ReadingDocument
from shared.domain.reading import Quality
from shared.domain.time import Interval, parse_duration, parse_instant
from shared.ports.errors import UnavailableError
from shared.runtime.logging import current_correlation, logger

router = APIRouter(prefix="/v1/sites/{site_id}/readings", tags=["readings"], route_class=StrictRoute)

MAX_ROWS = 10_000
MAX_PAGE = 1_000
_DEFAULT_COLUMNS = "total_load_kw,solar_generation_kw,battery_power_kw,battery_soc_percent,net_grid_flow_kw"


async def _rows(request: Request) -> list[Any]:
    """The rows of the batch as they were sent. Raises 413 and 422."""
    body = await request.json()
    if not isinstance(body, dict) or not isinstance(body.get("readings"), list):
        raise invalid([ProblemError(pointer="/readings", detail="must be a list of readings")])
    if unknown := [name for name in body if name != "readings"]:
        raise invalid([ProblemError(pointer=pointer([name]), detail="is not a field of a batch") for name in unknown])
    rows: list[Any] = body["readings"]
    if not rows:
        raise invalid([ProblemError(pointer="/readings", detail="is empty; send at least one reading")])
    if len(rows) > MAX_ROWS:
        raise ProblemException(413, "batch_too_large", f"The batch has {len(rows)} rows; send at most {MAX_ROWS} at once.")
    return rows


def _record(needs: Needs, site_id: SiteId, rows: Annotated[list[Any], Depends(_rows)]) -> RecordedReadings:
    """Judges each row by its form, then stores the batch; in a thread, for it may be long."""
    documents: dict[int, ReadingDocument] = {}
    refused: list[RefusedRow] = []
    for index, row in enumerate(rows):
        try:
            documents[index] = ReadingDocument.model_validate(row)
        except ValidationError as problem:
            refused.append(_refused(index, row, problem))
    return needs.service.record_readings(site_id=site_id, documents=documents, refused=refused, now=needs.clock.now())


@router.post(
    "", operation_id="add_readings", summary="Send a batch of readings",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/ReadingBatch"}, "examples": examples.named({"readings": [examples.READING]})}}}},
    responses=answers(examples.VERDICT, 404, *WRITES, description="The verdict: what was stored, and why the other rows were not."),
)  # fmt: skip
async def add_readings(needs: Needs, site_id: SiteId, recorded: Annotated[RecordedReadings, Depends(_record)]) -> BatchVerdict:
    """Use it from a gateway or to upload history. A row is identified by device and timestamp: sending it again changes nothing.

    Each row is judged alone. A row that cannot be right (naive time, a text for a number, a value that no device can have,
    a clock more than 5 minutes ahead) is refused with a pointer and kept in quarantine; the others are stored.
    When no row can be stored the answer is 422. A value that was not measured is null or absent, never 0.
    """
    if recorded.interval is not None:
        await _announce(needs, site_id, recorded, recorded.interval)
    else:
        errors = [
            ProblemError(pointer=f"/readings/{row.index}{fault.pointer}", detail=fault.detail)
            for row in recorded.refused
            for fault in row.faults
        ]
        raise ProblemException(422, "all_rows_refused", "No row could be stored; errors tells why.", errors=errors[:1000])
    return BatchVerdict(
        site_id=site_id,
        accepted=recorded.accepted,
        inserted=recorded.inserted,
        updated=recorded.updated,
        unchanged=recorded.unchanged,
        rejected=len(recorded.refused),
        refused_rows=[
            RefusedRowDocument(
                index=row.index, errors=[RowFaultDocument(pointer=fault.pointer, detail=fault.detail) for fault in row.faults]
            )
            for row in recorded.refused
        ],
    )


@router.get("", operation_id="list_readings", summary="Page through readings", responses=answers(examples.READING_LIST, 404, *READS))
def list_readings(
    *,
    needs: Needs,
    site_id: SiteId,
    start: Annotated[QueryInstant | None, Query(description="first moment; default: a day before the site's now")] = None,
    end: Annotated[
        QueryInstant | None, Query(description="first moment that is no longer included; default: just after the newest reading")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="readings a page")] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> ReadingList:
    """Every reading of an interval as it was sent, with its quality flags. For charts take the series, which is smaller."""
    interval = _interval(needs, site_id, start, end)
    page = needs.service.readings(site_id=site_id, interval=interval, limit=limit, after=_decode(cursor) if cursor else None)
    return ReadingList(site_id=site_id, items=_stored(page.rows), next=_encode(page.rows) if page.more else None)


@router.get(
    "/latest", operation_id="get_latest_readings", summary="Get the newest reading of each device",
    responses=answers(examples.READING_LIST, 404, *READS),
)  # fmt: skip
def get_latest_readings(needs: Needs, site_id: SiteId) -> ReadingList:
    """What the home does now. The list is empty until the first reading has arrived."""
    return ReadingList(site_id=site_id, items=_stored(needs.service.latest_readings(site_id=site_id)))


@router.get(
    "/series", operation_id="get_reading_series", summary="Get readings as means over equal steps",
    responses=answers(examples.SERIES, 404, *READS),
)  # fmt: skip
def get_reading_series(
    *,
    needs: Needs,
    site_id: SiteId,
    start: Annotated[QueryInstant | None, Query(description="first moment; default: a day before the site's now")] = None,
    end: Annotated[
        QueryInstant | None, Query(description="first moment that is no longer included; default: just after the newest reading")
    ] = None,
    resolution: Annotated[str | None, Query(description="length of a step, ISO 8601; default: the site's own", examples=["PT15M"])] = None,
    columns: Annotated[str, Query(description="columns, separated by commas")] = _DEFAULT_COLUMNS,
) -> ReadingSeriesDocument:
    """Use it for charts: one list of values for each column, null where nothing was measured."""
    interval = _interval(needs, site_id, start, end)
    step = needs.service.site(site_id=site_id).resolution if resolution is None else parse_duration(resolution)
    found = needs.service.reading_series(
        site_id=site_id, interval=interval, step=step, columns=[name.strip() for name in columns.split(",")]
    )
    values = found.columns.round(6).astype(object).where(found.columns.notna(), None)
    return ReadingSeriesDocument(
        site_id=site_id, start=found.grid.start, resolution=step, values={str(name): values[name].tolist() for name in values.columns}
    )


async def _announce(needs: Context, site_id: str, recorded: RecordedReadings, interval: Interval) -> None:
    """Features follow what is published; where nobody listens their sweep finds the new rows."""
    event = SyncWindowCompleted(
        site_id=site_id, start=interval.start, end=interval.end, accepted=recorded.accepted, rejected=len(recorded.refused)
    )
    try:
        await needs.bus.publish(wrap(event, source="api", time=needs.clock.now(), correlation_id=current_correlation()))
    except UnavailableError as problem:
        logger("api").warning("message not published; the next sweep makes up for it", type=event.TYPE, error=str(problem))


def _refused(index: int, row: Any, problem: ValidationError) -> RefusedRow:
    faults = tuple(Fault(pointer=pointer(error["loc"]), detail=sentence(error["msg"])) for error in problem.errors())
    fields = row if isinstance(row, dict) else {}
    device, moment = (str(fields.get(name, ""))[:64] for name in ("device_id", "timestamp"))
    return RefusedRow(index=index, device_id=device, timestamp=moment, faults=faults, document=json.dumps(row))


def _interval(needs: Context, site_id: str, start: datetime | None, end: datetime | None) -> Interval:
    now = needs.clock.now_at(needs.service.site(site_id=site_id))
    last = end or max(now, start or now) + timedelta(microseconds=1)
    return Interval(start=start or last - timedelta(days=1), end=last)


def _stored(frame: pd.DataFrame) -> list[StoredReading]:
    flags = [_flags(int(quality)) for quality in frame["quality"]]
    # stored values are shown as they are: nothing is validated again
    return [
        StoredReading.model_construct(**dict(document), quality=quality)
        for document, quality in zip(documents_from_frame(frame), flags, strict=True)
    ]


def _flags(quality: int) -> list[str]:
    return [flag.name.lower() for flag in Quality(quality) if flag.name]


def _encode(frame: pd.DataFrame) -> str:
    last = frame.iloc[-1]
    return base64.urlsafe_b64encode(f"{last['timestamp'].isoformat()}|{last['device_id']}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        moment, _, device = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return parse_instant(moment), device
    except (binascii.Error, ValueError):
        raise invalid([ProblemError(pointer="?cursor", detail="is not a cursor; take `next` of the page before")]) from None
