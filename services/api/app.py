"""The FastAPI application: routes, problems, protection, documents, pages."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.middleware.gzip import GZipMiddleware

from services.api.routes import events, forecasts, health, models, pages, problems, readings, schedules, sites
from services.api.routes.context import Check, Context
from services.api.routes.live import Announcements
from services.api.routes.problems import Problem
from services.api.routes.protection import LOCAL_HOSTS, Guard
from services.api.routes.schemas import ReadingBatch
from services.api.service import ApiService
from shared.ports.bus import MessageBus
from shared.ports.clock import Clock

TITLE = "Predictive optimization of distributed energy resources"
VERSION = "1.0.0"
DESCRIPTION = """Forecasts and buy/sell/store schedules for homes with batteries, solar, EVs and dynamic prices.

**In four calls:** `PUT /v1/sites/home`, `PUT /v1/sites/home/tariff`, `POST /v1/sites/home/readings`, and when some days of
readings are there `GET /v1/sites/home/schedules/latest`.

* Times are RFC 3339 with an offset and come back in UTC; intervals are half-open and labelled by their start.
* Powers in kW, energies in kWh, states of charge in percent (0-100), prices per kWh in the site's currency.
  At the battery > 0 charges; at the meter > 0 imports: `net_grid_flow = load + battery - solar`.
* Errors are `application/problem+json` (RFC 9457): switch on `code`, show `detail`, look at each of `errors`.
  Unknown fields and parameters are errors, so that a slip of the pen is not silently ignored.
* `X-Request-ID` is answered as sent, or made; it is the `trace_id` of a problem and stands in our logs.
"""
TAGS = [
    {"name": "sites", "description": "The homes, their devices and tariffs."},
    {"name": "readings", "description": "What gateways measure."},
    {"name": "forecasts", "description": "What is expected, with its uncertainty."},
    {"name": "schedules", "description": "When to buy, sell, store or use, and why."},
    {"name": "savings", "description": "What planning was worth."},
    {"name": "events", "description": "What happens, live."},
    {"name": "health", "description": "For whoever runs the process."},
]


def create_app(
    service: ApiService,
    *,
    announcements: Announcements,
    bus: MessageBus,
    clock: Clock,
    planner_timeout: timedelta = timedelta(seconds=8),
    checks: Mapping[str, Check] | None = None,
    allowed_hosts: tuple[str, ...] = LOCAL_HOSTS,
) -> FastAPI:
    """The application. It runs on the event loop of the bus, so that publishing and announcing stay on one loop."""
    app = FastAPI(
        title=TITLE, version=VERSION, docs_url=None, redoc_url=None, redirect_slashes=False, separate_input_output_schemas=False,
        openapi_tags=TAGS,
    )  # fmt: skip
    app.state.context = Context(
        service=service, bus=bus, clock=clock, announcements=announcements, planner_timeout=planner_timeout, checks=dict(checks or {})
    )
    for module in (sites, readings, forecasts, models, schedules, events, health, pages):
        app.include_router(module.router)
    app.mount("/assets", pages.assets())
    problems.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Guard, allowed_hosts=allowed_hosts)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=TITLE, version=VERSION, openapi_version="3.1.0", description=DESCRIPTION, routes=app.routes, tags=TAGS,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"}, separate_input_output_schemas=False,
        )  # fmt: skip
        _, extra = models_json_schema([(Problem, "validation"), (ReadingBatch, "validation")], ref_template="#/components/schemas/{model}")
        schemas = found["components"]["schemas"]
        for name, schema in extra["$defs"].items():
            schemas.setdefault(name, schema)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        found["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = found
    return app.openapi_schema
