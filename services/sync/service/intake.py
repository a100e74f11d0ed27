"""Readings into the cloud store: one verdict and one upsert for whatever comes, by sweep or by message."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from services.sync.replication.refusal import early_rows, quarantine_rows, same_as_refused
from services.sync.replication.verdict import is_identifier, judge, with_arrival_flags
from services.sync.service.results import SiteSync
from shared.domain.errors import InvalidValueError
from shared.domain.site import Site
from shared.domain.time import Interval, from_instant64
from shared.ports.errors import RefusedRowsError, SupplierError
from shared.ports.quarantine_store import QuarantineStore
from shared.ports.reading_store import ReadingStore, UpsertCounts
from shared.ports.site_store import SiteStore

REMEMBERED = timedelta(seconds=30)
"""How long a site and its refused rows are known without asking again."""
QUARANTINE_LOOKUP = 10_000
MOST_REFUSED = 20
"""Rows of a batch that the store may refuse while it takes fewer others: beyond that the store is wrong, not the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is remembered of a site."""

    site: Site
    early: pd.DataFrame
    """Its rows that were refused for a clock ahead."""
    since: datetime


class Intake:
    """Judges and stores. A call may be repeated: what is there already changes nothing."""

    def __init__(self, *, sites: SiteStore, readings: ReadingStore, quarantine: QuarantineStore) -> None:
        self._sites = sites
        self._readings = readings
        self._quarantine = quarantine
        self._known: dict[str, _Known] = {}

    def forget(self, site_id: str) -> None:
        """Ask again for what is remembered of a site."""
        self._known.pop(site_id, None)

    def take(self, readings: pd.DataFrame, *, now: datetime, stored_at: datetime) -> list[SiteSync]:
        """Judge readings of any sites, quarantine what is refused and store the others; a result for each site.

        A site that the cloud has never heard of is made, with nothing but its name. When this raises, what it has written
        stays and the rest is not there: take the same rows again.
        """
        site_ids = [str(site_id) for site_id in readings["site_id"].unique() if is_identifier(site_id)]
        try:
            return self._taken(readings, site_ids, now=now, stored_at=stored_at)
        except (SupplierError, InvalidValueError):
            for site_id in site_ids:  # it may have been deleted since it was last asked for
                self.forget(site_id)
            raise

    def _taken(self, readings: pd.DataFrame, site_ids: Sequence[str], *, now: datetime, stored_at: datetime) -> list[SiteSync]:
        done = {site_id: SiteSync(site_id=site_id, registered=self._ask(site_id, now)) for site_id in site_ids}
        known = {site_id: self._known[site_id] for site_id in site_ids}
        verdicts = judge(readings, sites={site_id: one.site for site_id, one in known.items()}, now=now)
        self._refuse(verdicts.rejected, done)
        accepted = verdicts.accepted
        early = [one.early for one in known.values() if len(one.early)]
        if early:
            accepted = accepted[~same_as_refused(accepted, pd.concat(early))].reset_index(drop=True)
        for result in self._stored(accepted, now=now, stored_at=stored_at):
            done[result.site_id] = done[result.site_id].and_then(result)
        return list(done.values())

    def _ask(self, site_id: str, now: datetime) -> bool:
        """Know the site from here on, unless it was asked for a moment ago; True when it is new to the cloud."""
        known = self._known.get(site_id)
        if known is not None and timedelta(0) <= now - known.since < REMEMBERED:
            return False
        site, refused = self._sites.get(site_id), self._quarantine.read(site_id=site_id, limit=QUARANTINE_LOOKUP)
        new = site is None and self._sites.put(Site(site_id=site_id))
        self._known[site_id] = _Known(site=site or Site(site_id=site_id), early=early_rows(refused), since=now)
        return new

    def _refuse(self, rows: pd.DataFrame, done: dict[str, SiteSync]) -> None:
        for site_id, mine in rows.groupby("site_id"):
            name = str(site_id)
            done[name] = done.get(name, SiteSync(site_id=name)).and_then(SiteSync(site_id=name, rejected=self._quarantine.put(mine)))
            if len(early_rows(mine)):
                self.forget(name)

    def _stored(self, accepted: pd.DataFrame, *, now: datetime, stored_at: datetime) -> Iterator[SiteSync]:
        """Sites of which the cloud has nothing as new go in one write; one that brings older rows is compared by itself."""
        spans = _spans(accepted)
        ends = self._readings.ends(site_ids=list(spans))
        older = [site_id for site_id, span in spans.items() if site_id in ends and ends[site_id] > span.interval.start]
        for site_id in older:
            rows = accepted[accepted["site_id"] == site_id].reset_index(drop=True) if len(spans) > 1 else accepted
            stored = self._readings.read(site_id=site_id, interval=spans[site_id].interval, columns=("quality",))
            span = {site_id: spans.pop(site_id)}
            yield from self._write(with_arrival_flags(rows, stored), span, now=now, stored_at=stored_at)
        if spans:
            fresh = accepted[~accepted["site_id"].isin(older)].reset_index(drop=True) if older else accepted
            yield from self._write(fresh, spans, now=now, stored_at=stored_at)

    def _write(self, rows: pd.DataFrame, spans: Mapping[str, "_Span"], *, now: datetime, stored_at: datetime) -> Iterator[SiteSync]:
        """Several sites together are all new; only if another writer was faster their counts are a little too high."""
        batch = _Batch(self._readings, stored_at)
        batch.write(rows)
        refused = self._refused(batch, now)
        for site_id, span in spans.items():
            counts = batch.counts
            if len(spans) > 1:
                lost = sum(1 for row, _ in batch.refused if row["site_id"].iloc[0] == site_id)
                counts = UpsertCounts(inserted=span.rows - lost, updated=0, unchanged=0)
            changed = counts.inserted + counts.updated > 0
            yield refused.get(site_id, SiteSync(site_id=site_id)).and_then(
                SiteSync(
                    site_id=site_id,
                    interval=span.interval if changed else None,
                    inserted=counts.inserted,
                    updated=counts.updated,
                    unchanged=counts.unchanged,
                )
            )

    def _refused(self, batch: "_Batch", now: datetime) -> dict[str, SiteSync]:
        """Quarantine what the store itself refuses."""
        done: dict[str, SiteSync] = {}
        if batch.refused:
            rows = pd.concat([row for row, _ in batch.refused], ignore_index=True)
            reasons = [f"the cloud store refuses it: {why}" for _, why in batch.refused]
            self._refuse(quarantine_rows(rows, reasons, now=now), done)
        return done


@dataclass(slots=True)
class _Batch:
    """Rows on their way into the store, halved where it refuses them until the bad ones are alone."""

    readings: ReadingStore
    stored_at: datetime
    counts: UpsertCounts = field(default_factory=lambda: UpsertCounts(inserted=0, updated=0, unchanged=0))
    refused: list[tuple[pd.DataFrame, str]] = field(default_factory=list)
    """One row each, and why."""

    def write(self, rows: pd.DataFrame) -> None:
        try:
            more = self.readings.upsert(rows, stored_at=self.stored_at)
        except RefusedRowsError as problem:
            if len(rows) > 1:
                self.write(rows.iloc[: len(rows) // 2])
                self.write(rows.iloc[len(rows) // 2 :])
                return
            self.refused.append((rows, str(problem)))
            if len(self.refused) > max(MOST_REFUSED, self._taken):
                raise SupplierError(f"the cloud store refuses nearly every row, so none is quarantined ({problem})") from None
        else:
            self.counts = UpsertCounts(
                inserted=self.counts.inserted + more.inserted,
                updated=self.counts.updated + more.updated,
                unchanged=self.counts.unchanged + more.unchanged,
            )

    @property
    def _taken(self) -> int:
        return self.counts.inserted + self.counts.updated + self.counts.unchanged


@dataclass(frozen=True, slots=True)
class _Span:
    """What a site has in a frame."""

    interval: Interval
    """From its first reading to just after its last."""
    rows: int


def _spans(readings: pd.DataFrame) -> dict[str, _Span]:
    """By site, in the order in which they come."""
    codes, names = pd.factorize(readings["site_id"])
    stamps = readings["timestamp"].to_numpy(dtype="datetime64[us]").view(np.int64)
    first, last = np.full(len(names), np.iinfo(np.int64).max), np.full(len(names), np.iinfo(np.int64).min)
    np.minimum.at(first, codes, stamps)
    np.maximum.at(last, codes, stamps)
    starts, ends = first.view("datetime64[us]"), (last + 1).view("datetime64[us]")
    counts = np.bincount(codes, minlength=len(names))
    return {
        str(name): _Span(Interval(start=from_instant64(starts[place]), end=from_instant64(ends[place])), int(counts[place]))
        for place, name in enumerate(names)
    }
