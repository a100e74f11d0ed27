"""Generation as clear sky times clearness, learned over many sites at once: with a forecast of the sky, and without.

A row whose issue knew no forecast for its step is answered by the part that needs none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model.history import History
from services.forecaster.model.limits import dark_steps, limits
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.solar_part import Lessons, Part, fit_part, joined, part_from
from services.forecaster.model.solar_rows import Lesson, lessons, rows_of
from services.forecaster.model.split import Pairs
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]

WORDS_FILE = "solar.json"
PLAIN_TREES_FILE, SKY_TREES_FILE = "plain.ubj", "sky.ubj"
FORMAT = 2
MOST_ROWS = 100_000
LEAST_ROWS = 200
PROOF_DAYS = 28
"""The last days, forecast by a model that had not seen them, calibrate the band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarModel:
    """Of any site."""

    plain: Part
    sky: Part | None
    """None where no site that was learned from had forecasts."""

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Calibrated quantiles in kW at `QUANTILE_LEVELS` within the site's limits, shape (rows, levels), from its own past."""
        return self.quantiles_many([history], [pairs])[0]

    def quantiles_many(self, histories: Sequence[History], pairs: Sequence[Pairs]) -> list[Matrix]:
        """`quantiles` of each of many sites, whose rows are asked together, which costs far less than one by one."""
        dark = [dark_steps(history.series)[rows.step] for history, rows in zip(histories, pairs, strict=True)]
        found = [np.zeros((len(rows), len(QUANTILE_LEVELS))) for rows in pairs]
        bright = [number for number, own in enumerate(dark) if not own.all()]
        said = self._by_day([histories[k] for k in bright], [pairs[k].where(~dark[k]) for k in bright])
        for number, spread in zip(bright, said, strict=True):
            found[number][~dark[number]] = spread
        bounds = [limits(each.series, known=each.known, rating_kw=each.rating_kw) for each in histories]
        return [bound.apply(spread, own) for bound, spread, own in zip(bounds, found, dark, strict=True)]

    def _by_day(self, histories: Sequence[History], pairs: Sequence[Pairs]) -> list[Matrix]:
        """Of steps that the sun is up in, or may be."""
        if not histories:
            return []
        sites = [rows_of(history, rows) for history, rows in zip(histories, pairs, strict=True)]
        sizes = [len(each.clear_kw) for each in sites]
        plain, clear_kw, own = (np.concatenate([getattr(each, name) for each in sites]) for name in ("plain", "clear_kw", "has_sky"))
        lead = np.concatenate([rows.lead_hours(history.series) for history, rows in zip(histories, pairs, strict=True)])
        peak_kw = np.repeat([each.peak_kw for each in sites], sizes)
        spread = self.plain.quantiles(plain, clear_kw, lead, peak_kw)
        if self.sky is not None and own.any():
            sky = np.concatenate([each.sky for each in sites if each.has_sky.any()])
            spread[own] = self.sky.quantiles(np.column_stack([plain[own], sky]), clear_kw[own], lead[own], peak_kw[own])
        spread[clear_kw <= 0] = 0.0
        return np.split(spread, np.cumsum(sizes)[:-1])

    def to_files(self) -> dict[str, bytes]:
        """Bytes by file name: the trees as UBJSON, the rest as JSON."""
        words = {"format": FORMAT, "plain": self.plain.words(), "sky": self.sky.words() if self.sky else None}
        files = {WORDS_FILE: json.dumps(words, indent=1).encode(), PLAIN_TREES_FILE: bytes(self.plain.booster.save_raw("ubj"))}
        return files | ({SKY_TREES_FILE: bytes(self.sky.booster.save_raw("ubj"))} if self.sky else {})


def from_files(files: Mapping[str, bytes]) -> SolarModel:
    """The model that `to_files` wrote. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"format is {words['format']!r}: this program reads {FORMAT}; train again")
        sky = part_from(words["sky"], files[SKY_TREES_FILE]) if words["sky"] else None
        return SolarModel(plain=part_from(words["plain"], files[PLAIN_TREES_FILE]), sky=sky)
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"the solar model's files cannot be read ({type(problem).__name__}); train again") from problem


def fit(histories: Sequence[History], *, rows: int, seed: int, threads: int = 1) -> SolarModel | None:
    """Fit on at most `rows` pairs, shared by the sites; None where too few sites have generated in the light."""
    share = max(1, min(rows, MOST_ROWS) // max(1, len(histories)))
    before = [replace(each, known=max(0, each.known - PROOF_DAYS * each.series.per_day)) for each in histories]
    learned = [lesson for number, each in enumerate(histories) for lesson in lessons(each, rows=share, rng=_rng(seed, number, 0))]
    earlier = [lesson for number, each in enumerate(before) for lesson in lessons(each, rows=share, rng=_rng(seed, number, 0))]
    proof = [
        lesson
        for number, each in enumerate(histories)
        if each.known > PROOF_DAYS * each.series.per_day
        for lesson in lessons(each, rows=share, rng=_rng(seed, number, 1), days=PROOF_DAYS, cold=False)
    ]
    per_day = max((each.series.per_day for each in histories), default=1)

    def part(*, under_sky: bool) -> Part | None:
        whole, early, late = (_joined(each, under_sky=under_sky) for each in (learned, earlier, proof))
        if whole is None or len(whole) < LEAST_ROWS:
            return None
        fitted = fit_part(whole, seed=seed, threads=threads)
        if early is None or late is None or len(early) < LEAST_ROWS:
            return fitted
        calibrated = fit_part(early, seed=seed, threads=threads).calibrated(late, rows_per_day=per_day)
        return replace(fitted, calibration=calibrated.calibration)

    plain = part(under_sky=False)
    return None if plain is None else SolarModel(plain=plain, sky=part(under_sky=True))


def _joined(found: Sequence[Lesson], *, under_sky: bool) -> Lessons | None:
    """All rows without their forecasts, or those that have one with it; None for none."""
    chosen = [(lesson, lesson.rows.has_sky if under_sky else np.ones(len(lesson.actual), dtype=np.bool_)) for lesson in found]
    parts = [
        Lessons(
            matrix=np.column_stack([lesson.rows.plain[own], lesson.rows.sky]) if under_sky else lesson.rows.plain,
            clear_share=lesson.rows.clear_kw[own] / lesson.rows.peak_kw,
            actual_share=lesson.actual[own] / lesson.rows.peak_kw,
            lead_hours=lesson.lead_hours[own],
        )
        for lesson, own in chosen
        if own.any()
    ]
    return joined(parts) if parts else None


def _rng(seed: int, number: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((seed, number, purpose))
