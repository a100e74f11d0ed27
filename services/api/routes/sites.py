"""Sites and their tariffs."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response
from pydantic import ValidationError

from services.api.routes import examples
from services.api.routes.context import READS, WRITES, Needs, answers
from services.api.routes.problems import invalid, problem_errors
from services.api.routes.schemas import SiteList, SitePatch, SiteStatusDocument, StepProgressDocument
from services.api.routes.strict import StrictRoute
from shared.contracts.sites import SiteDocument, TariffDocument

router = APIRouter(prefix="/v1/sites", tags=["sites"], route_class=StrictRoute)

SiteId = Annotated[str, Path(description="The site's id", examples=["home"])]


@router.get("", operation_id="list_sites", summary="List all sites", responses=answers({"items": [examples.SITE], "next": None}, *READS))
def list_sites(needs: Needs) -> SiteList:
    """Every home that this platform plans for, sorted by id. Start here to learn the ids that the other operations take."""
    return SiteList(items=[SiteDocument.from_domain(site) for site in needs.service.sites()])


@router.post(
    "", operation_id="create_site", summary="Add a site", status_code=201,
    responses=answers(examples.SITE, 409, *WRITES, status=201, description="The site as it was stored."),
)  # fmt: skip
def create_site(
    needs: Needs, document: Annotated[SiteDocument, Body(openapi_examples=examples.named(examples.SITE))], response: Response
) -> SiteDocument:
    """Use it once for each home, before its readings and its tariff. The id is yours to choose and never changes.

    Only `site_id` is required: without a battery there is nothing to plan, without an array no solar forecast.
    """
    needs.service.create_site(site=document.to_domain())
    response.headers["Location"] = f"/v1/sites/{document.site_id}"
    return document


@router.get("/{site_id}", operation_id="get_site", summary="Get one site", responses=answers(examples.SITE, 404, *READS))
def get_site(needs: Needs, site_id: SiteId) -> SiteDocument:
    """The site with its battery, solar array, charge point, grid connection, zone and place."""
    return SiteDocument.from_domain(needs.service.site(site_id=site_id))


@router.put(
    "/{site_id}", operation_id="put_site", summary="Create or replace a site",
    responses=answers(examples.SITE, *WRITES, description="The site was replaced.",
                      extra={201: {"description": "The site is new.", "model": SiteDocument}}),
)  # fmt: skip
def put_site(
    needs: Needs,
    site_id: SiteId,
    document: Annotated[SiteDocument, Body(openapi_examples=examples.named(examples.SITE))],
    response: Response,
) -> SiteDocument:
    """Use it when your system holds the master data: the whole site is written as you send it, new or not.

    `site_id` in the body must be the one in the path. Readings, forecasts and schedules of the site stay.
    """
    if document.site_id != site_id:
        raise invalid(problem_errors([{"loc": ("site_id",), "msg": f"must be {site_id!r} as in the path"}]))
    if needs.service.replace_site(site=document.to_domain()):
        response.status_code = 201
    return document


@router.patch(
    "/{site_id}", operation_id="patch_site", summary="Change some fields of a site",
    responses=answers(examples.PATCHED_SITE, 404, *WRITES, description="The whole site as it is now."),
)  # fmt: skip
def patch_site(
    needs: Needs, site_id: SiteId, patch: Annotated[SitePatch, Body(openapi_examples=examples.named({"battery": {"min_soc": 20.0}}))]
) -> SiteDocument:
    """Use it to change one thing, such as the reserve of the battery, without sending the rest (JSON merge patch, RFC 7396)."""
    stored = SiteDocument.from_domain(needs.service.site(site_id=site_id)).model_dump(mode="json")
    merged = _merge(stored, patch.model_dump(mode="json", exclude_unset=True))
    try:
        document = SiteDocument.model_validate(merged)
    except ValidationError as problem:
        raise invalid(problem_errors(problem.errors())) from None
    needs.service.replace_site(site=document.to_domain())
    return document


@router.delete(
    "/{site_id}", operation_id="delete_site", summary="Delete a site and all its data", status_code=204,
    responses=answers(None, 403, 404, *READS, status=204, description="It is gone."),
)  # fmt: skip
def delete_site(needs: Needs, site_id: SiteId) -> None:
    """Removes the site with its readings, forecasts, schedules and models. This cannot be undone."""
    needs.service.remove_site(site_id=site_id)


@router.get(
    "/{site_id}/status", operation_id="get_site_status", summary="See how far the platform has come with a site",
    responses=answers(examples.STATUS, 404, *READS),
)  # fmt: skip
def get_site_status(needs: Needs, site_id: SiteId) -> SiteStatusDocument:
    """What is there and what is still being prepared: the site's time, its readings, each step's progress and last error."""
    found = needs.service.status(site_id=site_id)
    steps = [StepProgressDocument(**{name: getattr(step, name) for name in StepProgressDocument.model_fields}) for step in found.steps]
    return SiteStatusDocument(
        site_id=site_id,
        now=needs.clock.now_at(found.site),
        time_stands=not found.site.live,
        has_tariff=found.has_tariff,
        readings_start=found.readings.start if found.readings else None,
        readings_end=found.readings.end if found.readings else None,
        readings_count=found.rows,
        readings_refused=found.quarantined,
        steps=steps,
        forecasts_issued_at=dict(found.forecasts),
        schedule_id=found.schedule.schedule_id if found.schedule else None,
        schedule_issued_at=found.schedule.issued_at if found.schedule else None,
    )


@router.get("/{site_id}/tariff", operation_id="get_tariff", summary="Get a site's tariff", responses=answers(examples.TARIFF, 404, *READS))
def get_tariff(needs: Needs, site_id: SiteId) -> TariffDocument:
    """What a kWh costs and earns at this site: flat, by time of use in local time, or by a dynamic series."""
    return TariffDocument.from_domain(needs.service.tariff(site_id=site_id))


@router.put("/{site_id}/tariff", operation_id="put_tariff", summary="Set a site's tariff", responses=answers(examples.TARIFF, 404, *WRITES))
def put_tariff(
    needs: Needs, site_id: SiteId, document: Annotated[TariffDocument, Body(openapi_examples=examples.named(examples.TARIFF))]
) -> TariffDocument:
    """Use it when the contract changes; the next plan is made by it. Prices are per kWh in the tariff's currency."""
    needs.service.set_tariff(site_id=site_id, tariff=document.to_domain())
    return document


def _merge(document: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
