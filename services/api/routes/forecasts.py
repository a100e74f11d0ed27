"""Forecasts as they were issued."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.routes import examples
from services.api.routes.context import READS, Needs, answers
from services.api.routes.schemas import QueryInstant
from services.api.routes.sites import SiteId
from services.api.routes.strict import StrictRoute
from shared.contracts.forecasts import ForecastDocument
from shared.domain.forecast import Target

router = APIRouter(prefix="/v1/sites/{site_id}/forecasts", tags=["forecasts"], route_class=StrictRoute)

TargetQuery = Annotated[Target, Query(description="what is forecast: load and solar in kW, price in the site's currency per kWh")]


@router.get(
    "/latest", operation_id="get_latest_forecast", summary="Get the newest forecast", responses=answers(examples.FORECAST, 404, *READS)
)
def get_latest_forecast(needs: Needs, site_id: SiteId, target: TargetQuery) -> ForecastDocument:
    """What is expected from now on, with its uncertainty: one list of values per quantile, never crossing.

    `skill` says how much better its model was than the best baseline on data that it had not seen; `degraded` says in
    words what had to be substituted.
    """
    return ForecastDocument.from_domain(needs.service.forecast(site_id=site_id, target=target))


@router.get(
    "",
    operation_id="get_forecast_as_of",
    summary="Get the forecast that was known at a moment",
    responses=answers(examples.FORECAST, 404, *READS),
)
def get_forecast_as_of(
    needs: Needs,
    site_id: SiteId,
    target: TargetQuery,
    as_of: Annotated[QueryInstant, Query(description="the newest one issued at or before it")],
) -> ForecastDocument:
    """Use it to compare what was expected with what happened, or to replay a decision."""
    return ForecastDocument.from_domain(needs.service.forecast(site_id=site_id, target=target, as_of=as_of))
