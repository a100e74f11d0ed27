"""Strict reading of requests: JSON without doubt, no unknown query parameter, no body of another kind."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic_core import from_json

from services.api.routes.problems import ProblemError, ProblemException, invalid
from services.api.routes.protection import MAX_BODY_BYTES

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


class StrictRequest(Request):
    """A request whose body is bounded while it is read, and whose JSON names every field once."""

    async def body(self) -> bytes:
        """The body. Raises 413 as soon as it is too long, whatever its Content-Length said."""
        if not hasattr(self, "_body"):
            chunks: list[bytes] = []
            size = 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise ProblemException(413, "body_too_large", f"A body may have {MAX_BODY_BYTES} bytes; send smaller batches.")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """The body as JSON; NaN and infinities come through as numbers, for the models to refuse with a pointer."""
        return await asyncio.to_thread(parse_json, await self.body())


def parse_json(raw: bytes) -> Any:
    """JSON of bounded depth, with each field of an object once. Raises 400."""
    try:
        from_json(raw)  # depth is bounded here, so the next parser cannot run out of stack
        return json.loads(raw, object_pairs_hook=_once)
    except ProblemException:
        raise
    except (ValueError, RecursionError) as problem:
        raise ProblemException(400, "malformed_json", f"The body is not valid JSON: {problem}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ProblemException(400, "duplicate_key", f"The field {twice!r} is there more than once in one object; send it once.")
    return found


class StrictRoute(APIRoute):
    """A route that reads strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = _query_names(self.dependant)
        takes_body = self.body_field is not None or "requestBody" in (self.openapi_extra or {})

        async def strictly(request: Request) -> Response:
            unknown = [name for name in request.query_params if name not in known]
            if unknown:
                expected = f"; known: {', '.join(sorted(known))}" if known else ""
                raise invalid(
                    [ProblemError(pointer=f"?{name}", detail=f"is not a parameter of this operation{expected}") for name in unknown]
                )
            if takes_body and request.method in _BODY_METHODS:
                _require_json(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def _query_names(dependant: Dependant) -> set[str]:
    return {field.alias for field in dependant.query_params}.union(*(_query_names(needed) for needed in dependant.dependencies))


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/json", "application/merge-patch+json"}:
        raise ProblemException(415, "unsupported_media_type", f"Content-Type is {kind!r}; send application/json.")
    coding = request.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise ProblemException(415, "unsupported_media_type", f"Content-Encoding is {coding!r}; send the body as it is.")
