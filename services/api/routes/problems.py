"""Every error as `application/problem+json` (RFC 9457), the framework's own included."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from services.api.service import ConflictError, MissingError
from shared.contracts.base import Wire
from shared.domain.errors import InvalidValueError
from shared.ports.errors import NotFoundError, SupplierError
from shared.runtime.logging import logger

MEDIA_TYPE = "application/problem+json"


class ProblemError(Wire):
    """One thing that is wrong, and where."""

    pointer: str = Field(
        description="JSON pointer (RFC 6901) into the body, or `?name` for a query parameter", examples=["/battery/capacity_kwh"]
    )
    detail: str = Field(description="What is wrong there, in one sentence", examples=["Input should be greater than 0"])


class Problem(Wire):
    """What went wrong, for a person and for a program."""

    type: str = Field(description="Identifies the kind of problem; never changes", examples=["urn:der:problem:invalid_request"])
    title: str = Field(description="The kind of problem in words", examples=["The request is not valid"])
    status: int = Field(description="The HTTP status", examples=[422])
    detail: str = Field(description="What went wrong this time, with the remedy", examples=["1 value is wrong; see errors."])
    instance: str = Field(description="The path that was asked", examples=["/v1/sites"])
    code: str = Field(description="The kind of problem, short, for a program to switch on", examples=["invalid_request"])
    trace_id: str = Field(description="The id of this request, as in the header X-Request-ID and in our logs", examples=["5f3c9c0e"])
    errors: list[ProblemError] = Field(description="Each wrong value; empty when the problem is not about values")


TITLES = {
    "bad_request": "The request could not be read",
    "malformed_json": "The body is not JSON",
    "duplicate_key": "The body names a field twice",
    "cross_origin": "A page of another origin may not change anything here",
    "not_found": "There is nothing at this path",
    "unknown_site": "No such site",
    "unknown_schedule": "No such schedule",
    "no_tariff": "The site has no tariff",
    "no_forecast": "There is no forecast yet",
    "no_schedule": "There is no schedule yet",
    "no_savings": "There is no savings report yet",
    "method_not_allowed": "This path does not take this method",
    "site_exists": "The site exists already",
    "body_too_large": "The body is too large",
    "batch_too_large": "The batch has too many rows",
    "unsupported_media_type": "The body has the wrong media type",
    "wrong_host": "This host name is not served here",
    "invalid_request": "The request is not valid",
    "all_rows_refused": "No row of the batch could be stored",
    "too_many_listeners": "Too many live streams are open",
    "planner_unavailable": "Nobody plans at the moment",
    "store_unavailable": "A store does not answer at the moment",
    "internal_error": "The server made a mistake",
}
_BY_STATUS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}


class ProblemException(HTTPException):
    """Raised by routes and turned into a problem."""

    def __init__(
        self, status: int, code: str, detail: str, *, errors: Sequence[ProblemError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status_code=status, detail=detail, headers=headers)
        self.code = code
        self.errors = list(errors)


def problem_body(status: int, code: str, detail: str, *, instance: str, trace_id: str, errors: Sequence[ProblemError] = ()) -> bytes:
    """The problem as JSON."""
    title = TITLES.get(code) or HTTPStatus(status).phrase
    problem = Problem(
        type=f"urn:der:problem:{code}", title=title, status=status, detail=detail,
        instance=instance, code=code, trace_id=trace_id, errors=list(errors),
    )  # fmt: skip
    return problem.model_dump_json().encode()


def trace_id(request: Request) -> str:
    """The id of this request."""
    return str(request.scope.get("trace_id", ""))


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901) to a place in a document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def problem_errors(errors: Sequence[Mapping[str, Any]]) -> list[ProblemError]:
    """Pydantic's errors by pointer. What was sent is not repeated."""
    return [ProblemError(pointer=pointer(error["loc"]), detail=sentence(error["msg"])) for error in errors]


def sentence(message: str) -> str:
    """A validator's message without the library's prefix."""
    return message.removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Answer every exception with a problem. Bugs are caught further out, by `protection.Guard`."""

    def answer(request: Request, found: ProblemException) -> Response:
        body = problem_body(
            found.status_code, found.code, found.detail, instance=request.url.path, trace_id=trace_id(request), errors=found.errors
        )
        return Response(body, status_code=found.status_code, headers=found.headers, media_type=MEDIA_TYPE)

    def on_problem(request: Request, found: Exception) -> Response:
        return answer(request, translate(found))

    for kind in (
        ProblemException, HTTPException, RequestValidationError, MissingError, ConflictError, InvalidValueError, SupplierError
    ):  # fmt: skip
        app.add_exception_handler(kind, on_problem)


def translate(found: Exception) -> ProblemException:
    """Any exception that we expect, as a problem."""
    match found:
        case ProblemException():
            return found
        case RequestValidationError():
            return _of_parameters(found)
        case HTTPException():
            code = _BY_STATUS.get(found.status_code, f"http_{found.status_code}")
            return ProblemException(found.status_code, code, _DETAILS.get(code, str(found.detail)), headers=found.headers)
        case _:
            return _of_ours(found)


def _of_ours(found: Exception) -> ProblemException:
    match found:
        case MissingError():
            return ProblemException(404, found.code, str(found))
        case NotFoundError():
            return ProblemException(404, "not_found", str(found))
        case ConflictError():
            return ProblemException(409, found.code, str(found))
        case InvalidValueError():
            errors = [ProblemError(pointer=f"/{found.name}", detail=found.remedy)]
            return ProblemException(422, "invalid_request", str(found), errors=errors)
        case _:
            logger("api").warning("a store failed", error=str(found))
            return ProblemException(503, "store_unavailable", "A store does not answer; try again.", headers={"Retry-After": "5"})


def _of_parameters(found: RequestValidationError) -> ProblemException:
    errors = []
    for error in found.errors():
        where, *rest = error["loc"]
        place = f"?{rest[0]}" if where == "query" and rest else pointer(rest)
        errors.append(ProblemError(pointer=place, detail=sentence(str(error["msg"]))))
    return invalid(errors)


def invalid(errors: Sequence[ProblemError]) -> ProblemException:
    """422 with its list of wrong values."""
    count = len(errors)
    return ProblemException(422, "invalid_request", f"{count} value{'s are' if count != 1 else ' is'} wrong; see errors.", errors=errors)


_DETAILS = {
    "not_found": "There is nothing at this path; /docs lists what there is.",
    "method_not_allowed": "This path does not take this method; the header Allow and /docs list those it takes.",
}
