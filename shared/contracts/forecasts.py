"""A forecast on the wire: a start, a resolution, and one list of values per quantile."""

import numpy as np
from pydantic import Field, field_validator

from shared.contracts.base import Duration, Instant, Wire
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import Forecast, Target
from shared.domain.time import TimeGrid

UNITS = {Target.LOAD: "kW", Target.SOLAR: "kW", Target.PRICE: "currency/kWh"}


class ForecastDocument(Wire):
    """Quantiles of one target of one site. Keys of `quantiles` are levels as text: "0.1", "0.5"."""

    forecast_id: str
    site_id: str
    target: Target
    unit: str
    issued_at: Instant
    data_as_of: Instant
    model_name: str
    model_version: str
    skill: float | None = Field(description="1 - pinball loss / that of the best baseline; null when never measured")
    degraded: list[str]
    start: Instant
    resolution: Duration
    quantiles: dict[str, list[float]]

    @field_validator("quantiles")
    @classmethod
    def _levels_and_lengths(cls, quantiles: dict[str, list[float]]) -> dict[str, list[float]]:
        try:
            levels = {float(level) for level in quantiles}
        except ValueError:
            raise InvalidValueError("quantiles", sorted(quantiles), 'must be named by levels such as "0.1" and "0.5"') from None
        if 0.5 not in levels or len(levels) < len(quantiles):
            raise InvalidValueError("quantiles", sorted(quantiles), 'must hold "0.5" and each level once')
        if len({len(values) for values in quantiles.values()}) > 1:
            raise InvalidValueError(
                "quantiles", {level: len(values) for level, values in quantiles.items()}, "must all have one value for each step"
            )
        return quantiles

    @classmethod
    def from_domain(cls, forecast: Forecast) -> "ForecastDocument":
        return cls(
            forecast_id=forecast.forecast_id,
            site_id=forecast.site_id,
            target=forecast.target,
            unit=UNITS[forecast.target],
            issued_at=forecast.issued_at,
            data_as_of=forecast.data_as_of,
            model_name=forecast.model_name,
            model_version=forecast.model_version,
            skill=forecast.skill,
            degraded=list(forecast.degraded),
            start=forecast.grid.start,
            resolution=forecast.grid.step,
            quantiles={
                repr(float(level)): [round(float(v), 6) for v in row] for level, row in zip(forecast.levels, forecast.values, strict=True)
            },
        )

    def to_domain(self) -> Forecast:
        levels = sorted(self.quantiles, key=float)
        return Forecast(
            site_id=self.site_id,
            target=self.target,
            issued_at=self.issued_at,
            data_as_of=self.data_as_of,
            model_name=self.model_name,
            model_version=self.model_version,
            grid=TimeGrid(start=self.start, step=self.resolution, count=len(self.quantiles[levels[0]])),
            levels=tuple(float(level) for level in levels),
            values=np.array([self.quantiles[level] for level in levels]),
            skill=self.skill,
            degraded=tuple(self.degraded),
        )
