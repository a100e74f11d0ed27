"""How far each step has come."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.embedded.columns import micros, moment
from shared.ports.progress_store import Progress

_PAGE = 1_000


class SupabaseProgress:
    """`ProgressStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def get(self, *, step: str, site_id: str) -> Progress | None:
        return next(_states(self._rest.read("progress", {"step": step, "site_id": site_id, "after": "", "limit": 1})), None)

    def put(self, progress: Progress) -> None:
        watermark = None if progress.watermark is None else micros(progress.watermark)
        self._rest.write("progress", asdict(progress) | {"watermark": watermark, "updated_at": micros(progress.updated_at)})

    def list(self, *, step: str) -> list[Progress]:
        query = {"step": step, "site_id": None, "after": ""}
        pages = self._rest.pages("progress", query, limit=None, size=_PAGE, after={"after": "site_id"})
        return [state for page in pages for state in _states(page)]


def _states(page: Mapping[str, list[object] | None]) -> Iterator[Progress]:
    for cells in zip(*(page[name] or () for name in page), strict=True):
        row = dict(zip(page, cells, strict=True))
        watermark = None if row["watermark"] is None else moment(row["watermark"])
        yield Progress(**(row | {"watermark": watermark, "updated_at": moment(row["updated_at"])}))
