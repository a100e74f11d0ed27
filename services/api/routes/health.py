"""Whether the process lives, and whether what it depends on works."""

from fastapi import APIRouter, Response

from services.api.routes.context import EVERYWHERE, Needs, answers
from services.api.routes.schemas import LiveDocument, ReadyDocument
from services.api.routes.strict import StrictRoute
from shared.ports.errors import SupplierError

router = APIRouter(prefix="/health", tags=["health"], route_class=StrictRoute)


@router.get(
    "/live", operation_id="get_health_live", summary="Is the process alive?", responses=answers({"status": "ok"}, 421, 422, 500)
)  # fmt: skip
async def get_health_live() -> LiveDocument:
    """Answers as long as the process does. Restart it when this fails."""
    return LiveDocument()


@router.get(
    "/ready", operation_id="get_health_ready", summary="Can the process do its work?",
    responses=answers({"status": "ready", "problems": {}}, 422, *EVERYWHERE,
                      extra={503: {"model": ReadyDocument, "description": "Something does not work; `problems` tells what."}}),
)  # fmt: skip
def get_health_ready(needs: Needs, response: Response) -> ReadyDocument:
    """Send traffic here only while this is 200."""
    problems = {name: found for name, check in needs.checks.items() if (found := check())}
    try:
        needs.service.sites()
    except SupplierError as problem:
        problems["store"] = str(problem)
    if problems:
        response.status_code = 503
    return ReadyDocument(status="not_ready" if problems else "ready", problems=problems)
