"""How far each step has come."""

from typing import Any

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.ports.progress_store import Progress

_COLUMNS = "step, site_id, watermark, updated_at, rows, rejected, last_error, digest"
_SELECT = f"SELECT {_COLUMNS} FROM public.progress"  # noqa: S608  # constant names


class PostgresProgress:
    """`ProgressStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def get(self, *, step: str, site_id: str) -> Progress | None:
        with self._database.read() as connection:
            row = connection.execute(f"{_SELECT} WHERE step = %s AND site_id = %s", (step, site_id)).fetchone()
        return _progress(row) if row else None

    def put(self, progress: Progress) -> None:
        row = tuple(getattr(progress, name) for name in _COLUMNS.split(", "))
        with self._database.write() as connection:
            connection.execute("SELECT der.put_progress(ROW(%s, %s, %s, %s, %s, %s, %s, %s)::public.progress)", row)

    def list(self, *, step: str) -> list[Progress]:
        with self._database.read() as connection:
            rows = connection.execute(f"{_SELECT} WHERE step = %s ORDER BY site_id", (step,)).fetchall()
        return [_progress(row) for row in rows]


def _progress(row: tuple[Any, ...]) -> Progress:
    return Progress(**dict(zip(_COLUMNS.split(", "), row, strict=True)))
