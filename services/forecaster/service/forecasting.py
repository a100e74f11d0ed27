"""Live forecasts: 48 hours of every target by what serves."""

from datetime import datetime, timedelta

import numpy as np

from services.forecaster.model import adapted
from services.forecaster.model.answer import Forecaster, answer
from services.forecaster.model.doubts import doubts
from services.forecaster.model.fallback import PREFIX, VERSION, fallback, missing_reasons
from services.forecaster.model.limits import limits
from services.forecaster.model.series import COLUMNS
from services.forecaster.service.registry import champion_of
from services.forecaster.service.results import ForecastRun
from services.forecaster.service.standing import FORECAST_STEP, Standing
from services.forecaster.service.tables import HORIZON, SiteTable, read_table
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.time import TimeGrid, floor_to, from_instant64, instant64

STALE_AFTER = timedelta(hours=3)


class ForecastIssuer(Standing):
    """Issues what was not issued yet."""

    def forecast(self, *, site_id: str, now: datetime, run: str = "live") -> ForecastRun:
        """48 h of every target from the step of `now`, by the champion or a named baseline; stored. Always served."""
        site = self.site(site_id=site_id)
        table = read_table(self._features, site, self._tariffs.get(site_id), first=now, last=now)
        forecasts = tuple(self._forecast_target(table, target, now) for target in table.targets)
        self._forecasts.put(forecasts, run=run)
        self._note(FORECAST_STEP, site_id, now, watermark=floor_to(now, site.resolution), rows=len(forecasts))
        return ForecastRun(site_id=site_id, issued_at=now, forecasts=forecasts)

    def forecast_if_due(self, *, site_id: str, now: datetime) -> ForecastRun | None:
        """`forecast`, unless a live one was issued in the same clock hour: then None."""
        newest = self._forecasts.latest(site_id=site_id, target=Target.LOAD, as_of=now)
        hour = timedelta(hours=1)
        if newest is not None and floor_to(newest.issued_at, hour) == floor_to(now, hour):
            return None
        return self.forecast(site_id=site_id, now=now)

    def forecast_with(self, *, site_id: str, target: Target, model_version: str, now: datetime) -> ForecastRun | None:
        """`forecast`, unless the newest live one of that target was made by this version already: then None."""
        newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now)
        if newest is not None and newest.model_version == model_version:
            return None
        return self.forecast(site_id=site_id, now=now)

    def unused_models(self, *, site_id: str, now: datetime) -> list[tuple[Target, str]]:
        """Versions that serve a target whose newest live forecast was made by another."""
        found = []
        for target in Target:
            version = champion_of(self._models, site_id, target)
            newest = self._forecasts.latest(site_id=site_id, target=target, as_of=now) if version else None
            if version and newest and newest.model_version != version:
                found.append((target, version))
        return found

    def _forecast_target(self, table: SiteTable, target: Target, now: datetime) -> Forecast:
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
        elif usable and (untested := self._untested(table.site.site_id, target, found)) and (pooled := self._pool(table, target, reasons)):
            bounds = limits(series, known=known, rating_kw=table.rating_kw)
            forecaster = adapted.Adapted(shared=pooled.whole, target=target, limits=bounds)
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
        return Forecast(
            site_id=table.site.site_id,
            target=target,
            issued_at=now,
            data_as_of=data_as_of,
            model_name=name,
            model_version=version,
            grid=TimeGrid(start=floor_to(now, table.site.resolution), step=table.site.resolution, count=HORIZON // table.site.resolution),
            levels=QUANTILE_LEVELS,
            values=answer(series, forecaster, issues=np.array([issue]), rating_kw=table.rating_kw, live=True)[0],
            skill=skill,
            degraded=tuple(dict.fromkeys(reasons)),
        )
