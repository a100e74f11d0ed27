"""From a forecaster to whole forecasts: every step of the horizon of many issues at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.history import History
from services.forecaster.model.series import Indices, Series
from services.forecaster.model.split import HORIZON_HOURS, Pairs, to_forecast
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]
CHUNK_ROWS = 60_000


class Forecaster(Protocol):
    """A model or a fallback."""

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Quantiles at `QUANTILE_LEVELS` in the unit of the target, shape (rows, levels), non-decreasing along a row."""
        ...


class Model(Forecaster, Protocol):
    """A forecaster that can be stored."""

    @property
    def name(self) -> str:
        """Of its kind."""
        ...

    @property
    def target(self) -> Target: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        ...

    def to_files(self) -> Mapping[str, bytes]:
        """Bytes by file name; JSON, UBJSON or numbers alone."""
        ...


def answer(
    series: Series, forecaster: Forecaster, *, issues: Indices, rating_kw: float | None = None, live: bool = False
) -> NDArray[np.float64]:
    """Quantiles of the next 48 h from each of the sorted issues, shape (issues, levels, steps), finite.

    Values announced by then are passed on exactly. `live` takes every announced value in the table as published. The table
    must reach to the end of the horizon.
    """
    width = HORIZON_HOURS * series.per_hour
    whole = np.empty((len(issues), len(QUANTILE_LEVELS), width))
    for at, chunk in _chunks(issues, width):
        asked = Question.of(series, chunk, rating_kw=rating_kw, live=live)
        whole[at : at + len(chunk)] = asked.answered(forecaster.quantiles(asked.history, asked.rows))
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that is to be forecast of the next 48 h from each of the sorted issues, and what it may be forecast from."""

    history: History
    rows: Pairs
    issues: Indices
    known: Indices
    """What each issue knows, shape (issues,)."""

    @staticmethod
    def of(series: Series, issues: Indices, *, rating_kw: float | None, live: bool) -> "Question":
        """`live` takes every announced value in the table as published."""
        width = HORIZON_HOURS * series.per_hour
        step = (issues[:, None] + np.arange(width)).ravel()
        issue = np.repeat(issues, width)
        known = np.array([series.known_live(int(moment)) for moment in issues]) if live else series.known_at(issues)
        rows = to_forecast(series, issue=issue, known=np.repeat(known, width), step=step)
        history = History(series=series, known=int(known.min()), rating_kw=rating_kw)
        return Question(history=history, rows=rows, issues=issues, known=known)

    def answered(self, quantiles: Matrix) -> NDArray[np.float64]:
        """Whole forecasts from those of the rows, shape (issues, levels, steps)."""
        return assembled(self.history.series, self.rows, quantiles, issues=self.issues, known=self.known)


def assembled(series: Series, rows: Pairs, quantiles: Matrix, *, issues: Indices, known: Indices) -> NDArray[np.float64]:
    """Whole forecasts from the rows of sorted issues, each of which knew what lies before its `known`; (issues, levels, steps)."""
    width = HORIZON_HOURS * series.per_hour
    step = (issues[:, None] + np.arange(width)).ravel()
    # what is not forecast is known: its one value stands at every level
    told = np.where(step < np.repeat(known, width), series.values[step], np.nan)
    filled = np.repeat(told[:, None], len(QUANTILE_LEVELS), axis=1)
    filled[np.searchsorted(issues, rows.issue) * width + rows.step - rows.issue] = quantiles
    return filled.reshape(len(issues), width, len(QUANTILE_LEVELS)).transpose(0, 2, 1)


def _chunks(issues: Indices, width: int) -> Iterator[tuple[int, Indices]]:
    size = max(1, CHUNK_ROWS // width)
    for at in range(0, len(issues), size):
        yield at, issues[at : at + size]
