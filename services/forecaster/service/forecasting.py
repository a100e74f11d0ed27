"""Live forecasts: 48 hours of every target by what serves."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from services.forecaster.model import adapted
from services.forecaster.model.adapted import Adapted
from services.forecaster.model.answer import Forecaster, Matrix, Question
from services.forecaster.model.doubts import doubts
from services.forecaster.model.fallback import PREFIX, VERSION, fallback, missing_reasons
from services.forecaster.model.limits import limits
from services.forecaster.model.series import COLUMNS
from services.forecaster.service.registry import champion_of
from services.forecaster.service.results import ForecastRun
from services.forecaster.service.standing import FORECAST_STEP, Standing
from services.forecaster.service.tables import HORIZON, Home, SiteTable, recent_tables
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.time import TimeGrid, floor_to, from_instant64, instant64

STALE_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A target of a site, what serves it, and what that is asked."""

    table: SiteTable
    target: Target
    now: datetime
    data_as_of: datetime
    question: Question
    forecaster: Forecaster
    name: str
    version: str
    skill: float | None
    degraded: tuple[str, ...]

    def forecast(self, quantiles: Matrix) -> Forecast:
        """From those of the question's rows."""
        step = self.table.site.resolution
        return Forecast(
            site_id=self.table.site.site_id,
            target=self.target,
            issued_at=self.now,
            data_as_of=self.data_as_of,
            model_name=self.name,
            model_version=self.version,
            grid=TimeGrid(start=floor_to(self.now, step), step=step, count=HORIZON // step),
            levels=QUANTILE_LEVELS,
            values=self.question.answered(quantiles)[0],
            skill=self.skill,
            degraded=self.degraded,
        )


class ForecastIssuer(Standing):
    """Issues what was not issued yet."""

    def forecast(self, *, site_id: str, now: datetime) -> ForecastRun:
        """`forecast_many` of one. Raises `UnknownSiteError`."""
        (run,) = self.forecast_many({site_id: now})
        return run

    def forecast_many(self, nows: Mapping[str, datetime]) -> Iterator[ForecastRun]:
        """48 h of every target from the step of each site's time, by the champion or a named baseline; stored. Always served.

        Sites that are alike are forecast together, so they come in another order. Raises `UnknownSiteError`.
        """
        return map(self.issue, self.prepare(nows))

    def prepare(self, nows: Mapping[str, datetime]) -> Iterator[ForecastRun]:
        """What `forecast_many` would store, and nothing is stored."""
        homes = [Home(site=self.site(site_id=site_id), tariff=self._tariffs.get(site_id), now=now) for site_id, now in nows.items()]
        for together in recent_tables(self._features, homes):
            asked = [self._asked(table, target, home.now) for home, table in together for target in table.targets]
            forecasts = dict[str, list[Forecast]]()
            for each, quantiles in zip(asked, _answers(asked), strict=True):
                forecasts.setdefault(each.table.site.site_id, []).append(each.forecast(quantiles))
            for home, _ in together:
                site_id = home.site.site_id
                yield ForecastRun(site_id=site_id, issued_at=home.now, forecasts=tuple(forecasts[site_id]))

    def issue(self, run: ForecastRun) -> ForecastRun:
        """Store what was prepared."""
        self._forecasts.put(run.forecasts)
        self._note(FORECAST_STEP, run.site_id, run.issued_at, watermark=run.forecasts[0].grid.start, rows=len(run.forecasts))
        return run

    def is_forecast_due(self, *, site_id: str, now: datetime) -> bool:
        """Whether no live forecast was issued in the clock hour."""
        newest = self._forecasts.latest(site_id=site_id, target=Target.LOAD, as_of=now)
        hour = timedelta(hours=1)
        return newest is None or floor_to(newest.issued_at, hour) != floor_to(now, hour)

    def is_unused(self, *, site_id: str, target: Target, model_version: str, now: datetime) -> bool:
        """Whether the newest live forecast of the target was not made by this version."""
        newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now)
        return newest is None or newest.model_version != model_version

    def unused_models(self, *, site_id: str, now: datetime) -> list[tuple[Target, str]]:
        """Versions that serve a target whose newest live forecast was made by another."""
        found = []
        for target in Target:
            version = champion_of(self._models, site_id, target)
            newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now) if version else None
            if version and newest and newest.model_version != version:
                found.append((target, version))
        return found

    def _asked(self, table: SiteTable, target: Target, now: datetime) -> _Asked:
        series = table.series(target)
        issue = series.index_of(instant64(now))
        known = min(series.known_live(issue), issue) if series.published is not None else series.known_live(issue)
        found = self._serving(table, target)
        reasons = list(found.problems)
        forecaster: Forecaster
        usable = known > 0
        if found.model is not None and found.manifest is not None and usable:
            forecaster, name, version = found.model, found.manifest.model_name, found.manifest.model_version
            skill = found.manifest.metrics.get("skill")
            reasons += missing_reasons(series, known)
        elif (untested := self._untested(table.site.site_id, target, found)) and (pooled := self._pool(table, target, reasons)):
            bounds = limits(series, known=known, rating_kw=table.rating_kw)
            forecaster = Adapted(shared=pooled.whole, target=target, limits=bounds)
            name, version, skill = adapted.MODEL_NAME, pooled.version, None
            reasons += [f"{reason}: that of {pooled.sites} other sites serves" for reason in untested]
        else:
            plain = fallback(series, until=issue, rating_kw=table.rating_kw)
            forecaster, name, version, skill = plain, f"{PREFIX}:{plain.name}", VERSION, None
            reasons += [*self._untested(table.site.site_id, target, found), *plain.reasons]
        reasons += doubts(series, known, rating_kw=table.rating_kw)
        data_as_of = from_instant64(series.time_of(known)) if known > 0 else now
        if now - data_as_of > STALE_AFTER:
            reasons.append(f"the newest {COLUMNS[target]} is {(now - data_as_of) / timedelta(hours=1):.1f} h old")
        return _Asked(
            table=table,
            target=target,
            now=now,
            data_as_of=data_as_of,
            question=Question.of(series, np.array([issue]), rating_kw=table.rating_kw, live=True),
            forecaster=forecaster,
            name=name,
            version=version,
            skill=skill,
            degraded=tuple(dict.fromkeys(reasons)),
        )


def _answers(asked: Sequence[_Asked]) -> list[Matrix]:
    """Quantiles of each one's rows; what rests on one shared model asks it together."""
    found: dict[int, Matrix] = {}
    sharing = defaultdict[int, list[tuple[int, Adapted, Question]]](list)
    for number, each in enumerate(asked):
        if isinstance(each.forecaster, Adapted):
            sharing[id(each.forecaster.shared)].append((number, each.forecaster, each.question))
        else:
            found[number] = each.forecaster.quantiles(each.question.history, each.question.rows)
    for group in sharing.values():
        questions = [question for _, _, question in group]
        told = group[0][1].shared.quantiles_many([each.history for each in questions], [each.rows for each in questions])
        for (number, model, question), said in zip(group, told, strict=True):
            found[number] = model.finished(question.history, question.rows, said)
    return [found[number] for number in range(len(asked))]
