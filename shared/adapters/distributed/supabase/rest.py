"""One Supabase project, spoken to by supabase-py: questions, pages of answers, and writes that happen once."""

import asyncio
import ssl
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from supabase import AsyncClient, AsyncClientOptions

from shared.adapters.distributed.postgres.migrations import migrations
from shared.adapters.distributed.supabase.loop_thread import LoopThread
from shared.adapters.distributed.supabase.refusals import RUN_MIGRATE, Refusals
from shared.adapters.distributed.supabase.transport import Patience, PatientTransport
from shared.adapters.distributed.supabase.wire import Json, encoded
from shared.domain.errors import InvalidValueError
from shared.ports.errors import LeaseLostError, SchemaTooNewError, SupplierError
from shared.ports.fence import current_lease, lost

REQUESTS = 4
"""At most so many at once of one batch."""
CONNECTIONS = 8
"""At most so many at once of a process."""


class Rest:
    """The functions of `schema/0002_rest.sql`, called through the project's REST API; the schema is looked at before the first.

    Called by any number of threads at once. Raises `UnavailableError` for what may work later, another `SupplierError` for
    what a person must mend. Nothing is opened before it is first used.
    """

    def __init__(self, *, url: str, key: str, patience: Patience | None = None) -> None:
        self._url = _address(url)
        if not key.isascii() or not key.isprintable() or not key.strip() or " " in key:
            raise InvalidValueError("SUPABASE_KEY", "no key", "give the project's secret key as it stands in Supabase's dashboard")
        self._key = key
        self._refusals = Refusals(url=self._url, key=key)
        self._patience = patience or Patience()
        self._thread = LoopThread("supabase")
        self._client: tuple[AsyncClient, httpx.AsyncClient, asyncio.AbstractEventLoop] | None = None
        self._known = False

    def read(self, question: str, query: Mapping[str, Json]) -> Any:
        """The answer to `der.rest_read_<question>`."""
        return self._thread.run(self._read(question, query))

    def pages(self, question: str, query: Mapping[str, Json], *, limit: int | None, size: int, after: Mapping[str, str]) -> Iterator[Any]:
        """Answers of columns, each of at most `size` rows, in all at most `limit`. `after` says which field of the query each
        key column of a page's last row becomes. A page is one row to the API, whose cap on rows therefore never cuts it.
        """
        asked, left = dict(query), limit
        while left is None or left > 0:
            size = size if left is None else min(size, left)
            page = self.read(question, asked | {"limit": size})
            keys: dict[str, list[Any]] = {field: page[column] or [] for field, column in after.items()}
            count = len(next(iter(keys.values())))
            if count:
                yield page
            if count < size:
                return
            asked |= {field: values[-1] for field, values in keys.items()}
            left = None if left is None else left - count

    def write(self, operation: str, head: Mapping[str, Json], parts: Iterable[Json] = (), *, fenced: bool = True) -> Any:
        """The answer of `der.rest_write_<operation>`: one transaction, made once however often it must be asked for."""
        lease = current_lease() if fenced else None
        held = encoded({"job_id": lease.job.job_id, "fence": lease.fence}) if lease else None
        try:
            return self._thread.run(self._write(operation, head, iter(parts), held))
        except LeaseLostError as problem:
            raise (lost(lease) if lease else problem) from None

    def close(self) -> None:
        """Let go of connections; the next use opens them again."""
        if self._client is not None:
            self._thread.run(self._client[1].aclose())
            self._client = None
        self._thread.stop()

    async def _read(self, question: str, query: Mapping[str, Json]) -> Any:
        return await self._call("der_read", question=question, body=encoded(dict(query)))

    async def _write(self, operation: str, head: Mapping[str, Json], parts: Iterator[Json], lease: str | None) -> Any:
        first, second = next(parts, None), next(parts, None)
        count, call = 0, str(uuid.uuid4())
        bodies: list[Json] = [dict(head)]
        if second is None:
            bodies += [] if first is None else [first]
        else:
            count = await self._stage(call, _chain(first, second, parts))
        return await self._call("der_write", operation=operation, call=call, body=encoded(bodies), parts=count, lease=lease)

    async def _stage(self, call: str, parts: Iterator[Json]) -> int:
        """Keep rows on the server, several requests at a time, and encode none before its turn; returns how many parts."""
        numbered = enumerate(parts)
        sent = 0

        async def keep() -> None:
            nonlocal sent
            for number, part in numbered:
                await self._call("der_stage", call=call, part=number, body=encoded(part))
                sent += 1

        await asyncio.gather(*(keep() for _ in range(REQUESTS)))
        return sent

    async def _call(self, function: str, **arguments: Json) -> Any:
        client = self._opened()
        if not self._known:
            await self._require_schema(client)
            self._known = True
        return (await client.rpc(function, arguments).execute()).data

    async def _require_schema(self, client: AsyncClient) -> None:
        """Raise unless the database has all of our schema and nothing newer."""
        version = (await client.rpc("der_read", {"question": "version", "body": "{}"}).execute()).data
        if not isinstance(version, int):
            raise SupplierError(f"{self._refusals.name} does not answer as Supabase does; correct SUPABASE_URL")
        ours = migrations()[-1].version
        if version > ours:
            raise SchemaTooNewError(
                f"{self._refusals.name} was made by a newer version of this program (schema {version}, this one knows {ours}); "
                "upgrade this program"
            )
        if version < ours:
            raise SupplierError(f"{self._refusals.name} has no {migrations()[version].name} yet; {RUN_MIGRATE}")

    def _opened(self) -> AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[2] is not loop:
            self._client = (*self._open(), loop)
        return self._client[0]

    def _open(self) -> tuple[AsyncClient, httpx.AsyncClient]:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        # HTTP/1.1: one broken connection then breaks one request, not all of them
        inner = httpx.AsyncHTTPTransport(verify=_certificates(), http1=True, http2=False, limits=limits)
        transport = PatientTransport(inner, refusals=self._refusals, patience=self._patience)
        http = httpx.AsyncClient(transport=transport, timeout=self._patience.timeout, follow_redirects=False)
        # the library repeats reads alone, and forgets what Retry-After said: repeating is the transport's
        options = AsyncClientOptions(
            httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False, schema="public"
        )
        return AsyncClient(self._url, self._key, options), http


@cache
def _certificates() -> ssl.SSLContext:
    """Whom we trust: read once, for it takes a twentieth of a second."""
    return httpx.create_ssl_context()


def _chain(first: Json, second: Json, others: Iterator[Json]) -> Iterator[Json]:
    yield first
    yield second
    yield from others


def _address(url: str) -> str:
    """Raises `InvalidValueError` for a text that is no address of a project, without repeating a password."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        good = False
    if not good or " " in url or parts.username or parts.password or parts.query or parts.fragment:
        shown = f"{url.partition('//')[0]}//***@{url.rpartition('@')[2]}" if "@" in url else url
        raise InvalidValueError("SUPABASE_URL", shown, "must be http://HOST:PORT or https://HOST, for example https://PROJECT.supabase.co")
    return url.rstrip("/").removesuffix("/rest/v1")
