"""One site in one sweep: its newest rows first, then its backlog piece by piece, its watermark behind what is whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.sync.replication import windows
from services.sync.replication.windows import Plan, Window
from services.sync.service.announced import Announced, Announcement
from services.sync.service.intake import Intake
from services.sync.service.results import SiteSync
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeStore
from shared.ports.errors import SupplierError
from shared.ports.progress_store import Progress, ProgressStore

STEP = "sync"
"""Its watermark: everything before it is in the cloud, or was refused."""
THOROUGH_STEP = "sync.thorough"
"""When everything that the edge held was last compared, and (its watermark) from which moment on that was."""
SWEEP_STEP = "sync.sweep"
"""The last sweep that copied something: from its watermark to its `updated_at`, with its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is the same for every site of a sweep."""

    began: datetime
    stamp: Callable[[], datetime]
    report: Callable[[int], None]
    edge: EdgeStore
    intake: Intake
    announced: Announced
    progress: ProgressStore
    batch_size: int


class SiteCopy:
    """The copying of a site. A failure is recorded and ends it for this sweep; a store of the cloud that is away raises."""

    def __init__(self, sweep: Sweep, site_id: str, before: Progress | None, thorough: Progress | None) -> None:
        self.site_id = site_id
        self._sweep = sweep
        self._state = before or Progress(step=STEP, site_id=site_id, updated_at=sweep.began)
        self._thorough = thorough
        self._extent: Interval | None = None
        self._fresh_until: datetime | None = None
        self._backlog: Window | None = None
        self._is_thorough = False
        self._rows = 0
        self._untold: SiteSync | None = None
        self.failure: SupplierError | InvalidValueError | None = None

    @property
    def behind(self) -> bool:
        """Whether there is a backlog left to copy in this sweep."""
        return self._backlog is not None and self.failure is None

    def told(self) -> SiteSync | None:
        """What was done since this was last asked; None for nothing."""
        said, self._untold = self._untold, None
        return said

    def begin(self, announced: Announcement | None, extent: Interval | None) -> None:
        """Make the site known, and copy its newest rows: all there are, when it is not far behind."""
        self._guarded(lambda: self._begin(announced, extent))

    def go_on(self) -> None:
        """Copy the next piece of the backlog."""
        self._guarded(self._next_piece)

    def look_again(self, extent: Interval | None) -> None:
        """Copy what has come behind the newest rows meanwhile."""
        # rows of the future hide what comes after the newest row that is none
        if extent is not None and (self._extent is None or extent.end > min(self._extent.end, self._now)):
            self._guarded(lambda: self._copy_newer(extent))

    def _guarded(self, work: Callable[[], None]) -> None:
        if self.failure is not None:
            return
        try:
            work()
        except (SupplierError, InvalidValueError) as problem:
            self.failure = problem
            self._tell(SiteSync(site_id=self.site_id, error=str(problem)))
            self._sweep.intake.forget(self.site_id)
            self._keep(last_error=str(problem))

    def _begin(self, announced: Announcement | None, extent: Interval | None) -> None:
        sweep, now = self._sweep, self._sweep.began
        last = self._thorough
        self._is_thorough = extent is not None and windows.is_thorough(
            last_run=last.updated_at if last else None, covered_from=last.watermark if last else None, first=extent.start, now=now
        )
        registered = sweep.announced.register(self.site_id, announced, now=now)
        if registered:
            sweep.intake.forget(self.site_id)
        prices = sweep.announced.copy_prices(announced[1].series_ids if announced else (), everything=self._is_thorough, now=now)
        self._tell(SiteSync(site_id=self.site_id, registered=registered, prices=prices))
        self._extent = extent
        plan = None if extent is None else windows.plan(extent, watermark=self._state.watermark, thorough=self._is_thorough, now=now)
        if plan is None:
            self._finish()
            return
        plan = self._small_enough(plan)
        self._backlog = Window(interval=plan.backlog, limit=sweep.batch_size) if plan.backlog else None
        self._copy_fresh(plan.fresh)

    def _small_enough(self, plan: Plan) -> Plan:
        """With no more rows first than one batch, so that the newest are there at once."""
        while plan.backlog is not None and self._sweep.edge.count(site_id=self.site_id, interval=plan.fresh) > self._sweep.batch_size:
            if (shorter := plan.shorter()) is None:
                break
            plan = shorter
        return plan

    def _copy_newer(self, extent: Interval) -> None:
        self._extent = extent
        self._copy_fresh(Interval(start=min(max(self._fresh_until or extent.start, extent.start), extent.end), end=extent.end))

    def _copy_fresh(self, interval: Interval) -> None:
        window: Window | None = Window(interval=interval, limit=self._sweep.batch_size)
        while window is not None:
            window, until = self._copied(window)
            self._fresh_until = windows.later(self._fresh_until, until)
            if not self.behind:
                self._state = replace(self._state, watermark=windows.later(self._state.watermark, until))
        if not self.behind:
            self._finish()

    def _next_piece(self) -> None:
        if self._backlog is None:
            return
        self._backlog, until = self._copied(self._backlog)
        if self._backlog is None:
            until = windows.later(until, self._fresh_until)
        self._state = replace(self._state, watermark=windows.later(self._state.watermark, until))
        if self._backlog is None:
            self._finish()
        else:
            self._keep()

    def _copied(self, window: Window) -> tuple[Window | None, datetime | None]:
        """Copy a window; returns the one that follows it, and until when everything from its start on is there."""
        sweep, now = self._sweep, self._now
        rows = sweep.edge.read(site_id=self.site_id, interval=window.interval, limit=window.limit)
        if len(rows):
            for result in sweep.intake.take(rows, now=now, stored_at=now):
                self._tell(result)
        sweep.report(len(rows))
        stamps = rows["timestamp"].to_numpy(dtype="datetime64[us]")
        after = windows.following(window, stamps, batch_size=sweep.batch_size)
        return after, windows.done_until(stamps, after, now=now)

    def _tell(self, result: SiteSync) -> None:
        self._untold = result if self._untold is None else self._untold.and_then(result)
        self._rows += result.inserted + result.updated
        rows, rejected = result.inserted + result.updated, result.rejected
        self._state = replace(self._state, rows=self._state.rows + rows, rejected=self._state.rejected + rejected)

    def _finish(self) -> None:
        """Everything that this sweep set out to copy is there."""
        now = self._keep()
        if self._is_thorough and self._extent is not None:
            self._is_thorough = False
            self._put(Progress(step=THOROUGH_STEP, site_id=self.site_id, watermark=self._extent.start, updated_at=self._sweep.began))
        if self._rows:
            self._put(Progress(step=SWEEP_STEP, site_id=self.site_id, watermark=self._sweep.began, updated_at=now, rows=self._rows))

    def _keep(self, *, last_error: str | None = None) -> datetime:
        now = self._now
        self._state = replace(self._state, updated_at=now, last_error=last_error)
        self._put(self._state)
        return now

    @property
    def _now(self) -> datetime:
        return max(self._sweep.began, self._sweep.stamp())

    def _put(self, progress: Progress) -> None:
        self._sweep.progress.put(progress)
