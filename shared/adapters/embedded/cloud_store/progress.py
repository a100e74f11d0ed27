"""How far each step has come."""

from shared.adapters.embedded.columns import micros, moment
from shared.adapters.embedded.sqlite import SqliteFile
from shared.ports.progress_store import Progress

_COLUMNS = "step, site_id, watermark, updated_at, rows, rejected, last_error, digest"


class SqliteProgress:
    """`ProgressStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def get(self, *, step: str, site_id: str) -> Progress | None:
        with self._file.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM progress WHERE step = ? AND site_id = ?",  # noqa: S608  # constant names
                (step, site_id),
            ).fetchone()
        return _progress(row) if row else None

    def put(self, progress: Progress) -> None:
        watermark = None if progress.watermark is None else micros(progress.watermark)
        row = (
            progress.step,
            progress.site_id,
            watermark,
            micros(progress.updated_at),
            progress.rows,
            progress.rejected,
            progress.last_error,
            progress.digest,
        )
        with self._file.write() as connection:
            connection.execute(f"INSERT OR REPLACE INTO progress ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # constant names

    def list(self, *, step: str) -> list[Progress]:
        with self._file.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM progress WHERE step = ? ORDER BY site_id", (step,)).fetchall()  # noqa: S608  # constant names
        return [_progress(row) for row in rows]


def _progress(row: tuple[str, str, int | None, int, int, int, str | None, str | None]) -> Progress:
    step, site_id, watermark, updated_at, rows, rejected, last_error, digest = row
    return Progress(
        step=step,
        site_id=site_id,
        watermark=None if watermark is None else moment(watermark),
        updated_at=moment(updated_at),
        rows=rows,
        rejected=rejected,
        last_error=last_error,
        digest=digest,
    )
