"""Schedules: the newest, those before, and a new one now; and what planning saved."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from services.api.routes import examples
from services.api.routes.context import EVERYWHERE, READS, Needs, answers
from services.api.routes.problems import ProblemError, ProblemException, invalid, trace_id
from services.api.routes.schemas import PlanningAccepted, QueryInstant, ScheduleList, ScheduleSummary
from services.api.routes.sites import SiteId
from services.api.routes.strict import StrictRoute
from shared.contracts.envelope import wrap
from shared.contracts.events import ScheduleRunRequested
from shared.contracts.savings import SavingsDocument
from shared.contracts.schedules import ScheduleDocument
from shared.ports.errors import UnavailableError

router = APIRouter(prefix="/v1", tags=["schedules"], route_class=StrictRoute)

MAX_SCHEDULES = 10_000
RETRY_AFTER_SECONDS = 5


@router.get(
    "/sites/{site_id}/schedules/latest", operation_id="get_latest_schedule", summary="Get the newest schedule",
    responses=answers(examples.SCHEDULE, 404, *READS),
)  # fmt: skip
def get_latest_schedule(
    needs: Needs,
    site_id: SiteId,
    as_of: Annotated[QueryInstant | None, Query(description="the newest one issued at or before it; default: of all")] = None,
) -> ScheduleDocument:
    """When to buy, sell, store or use, step by step, with the reason for each step and what the plan is expected to cost.

    Follow it from `not_before` to `expires_at`; after that fall back to self-consumption until there is a new one.
    """
    return ScheduleDocument.from_domain(needs.service.latest_schedule(site_id=site_id, as_of=as_of))


@router.get(
    "/sites/{site_id}/schedules", operation_id="list_schedules", summary="List schedules, newest first",
    responses=answers(examples.SCHEDULE_LIST, 404, *READS),
)  # fmt: skip
def list_schedules(
    needs: Needs,
    site_id: SiteId,
    limit: Annotated[int, Query(ge=1, le=1000, description="schedules a page")] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> ScheduleList:
    """Use it to look back: each id opens the schedule as it was issued."""
    ids = needs.service.schedule_ids(site_id=site_id, limit=MAX_SCHEDULES if cursor else limit + 1)
    if cursor:
        if cursor not in ids:
            raise invalid([ProblemError(pointer="?cursor", detail="is not a cursor of this list; take `next` of the page before")])
        ids = ids[ids.index(cursor) + 1 :]
    page = ids[:limit]
    return ScheduleList(
        site_id=site_id,
        items=[ScheduleSummary(schedule_id=schedule_id) for schedule_id in page],
        next=page[-1] if len(ids) > limit else None,
    )


@router.post(
    "/sites/{site_id}/schedules", operation_id="plan_now", summary="Plan now", response_model=ScheduleDocument,
    responses=answers(examples.SCHEDULE, 403, 404, 409, *READS, description="The new schedule.",
                      extra={202: {"model": PlanningAccepted, "description": "Not yet: fetch `Location` after `Retry-After` s."}}),
)  # fmt: skip
async def plan_now(needs: Needs, site_id: SiteId, request: Request) -> ScheduleDocument | Response:
    """Use it after you changed the battery, the tariff or the reserve. Plans are also made by themselves with every new forecast.

    Answers with the schedule as soon as it is there, or with 202 when that takes more than some seconds.
    """
    await run_in_threadpool(needs.service.require_plannable, site_id=site_id)
    correlation_id = trace_id(request)
    with needs.announcements.expecting_plan(correlation_id) as answer:
        command = wrap(ScheduleRunRequested(site_id=site_id), source="api", time=needs.clock.now(), correlation_id=correlation_id)
        try:
            await needs.bus.publish(command)
        except UnavailableError:
            raise ProblemException(
                503,
                "planner_unavailable",
                "No planner takes requests at the moment; the newest schedule still holds.",
                headers={"Retry-After": "30"},
            ) from None
        try:
            schedule_id = await asyncio.wait_for(answer, timeout=needs.planner_timeout.total_seconds())
        except TimeoutError:
            return _later(site_id)
    return await run_in_threadpool(lambda: ScheduleDocument.from_domain(needs.service.schedule(schedule_id=schedule_id)))


def _later(site_id: str) -> Response:
    url = f"/v1/sites/{site_id}/schedules/latest"
    body = PlanningAccepted(site_id=site_id, result_url=url, retry_after_seconds=RETRY_AFTER_SECONDS)
    return JSONResponse(body.model_dump(mode="json"), status_code=202, headers={"Location": url, "Retry-After": str(RETRY_AFTER_SECONDS)})


@router.get(
    "/schedules/{schedule_id}", operation_id="get_schedule", summary="Get a schedule by its id",
    responses=answers(examples.SCHEDULE, 404, *READS),
)  # fmt: skip
def get_schedule(needs: Needs, schedule_id: str) -> ScheduleDocument:
    """The schedule exactly as it was issued, for looking back at a decision or following up a reference to it."""
    return ScheduleDocument.from_domain(needs.service.schedule(schedule_id=schedule_id))


@router.get(
    "/sites/{site_id}/savings", operation_id="get_savings", summary="See what planning saved", tags=["savings"],
    responses=answers(examples.SAVINGS, 404, 422, *EVERYWHERE),
)  # fmt: skip
def get_savings(needs: Needs, site_id: SiteId) -> SavingsDocument:
    """The site's own history replayed under several policies with the same tariff and battery.

    `captured_share` is the part of the saving with perfect foresight that a policy caught; `coverage` the share of steps
    with real data. The bills value what is left in the battery, so they can be compared.
    """
    return SavingsDocument.from_domain(needs.service.savings(site_id=site_id))
