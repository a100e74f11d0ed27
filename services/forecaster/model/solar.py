"""Generation as clear sky times clearness: quantiles of clearness, learned over many sites at once.

Rows weigh what they are worth in energy, so the pinball loss of clearness is that of power in units of each site's peak. A
linear quantile regression, which extrapolates, and quantile trees, which find what is not linear, are averaged.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model.calibration import CORE_LEVELS, Calibration, calibrate, uncalibrated
from services.forecaster.model.clearness import MOST, Clearness, clearness
from services.forecaster.model.clearsky import LEAST_PROMINENCE, clear_sky
from services.forecaster.model.history import History
from services.forecaster.model.limits import dark_steps, limits
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Values
from services.forecaster.model.skyforecast import forecast_power
from services.forecaster.model.split import Pairs, training_pairs
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]

TREES_FILE, WORDS_FILE = "trees.ubj", "solar.json"
FORMAT = 1
MOST_ROWS = 100_000
ROUNDS = 150
PARAMETERS = {
    "objective": "reg:quantileerror",
    "max_depth": 3,
    "max_bin": 64,
    "eta": 0.05,
    "subsample": 0.6,
    "colsample_bynode": 0.5,
    "min_child_weight": 20,
    "nthread": 1,
    "verbosity": 0,
}
RIDGE = 1e-3
REWEIGHTINGS = 30
NARROWEST = 0.01
"""Of clearness: residuals below it weigh alike, which bounds the weights of the quantile regression."""
PROOF_DAYS = 28
"""The last days, forecast by a model that had not seen them, calibrate the band."""
FLOOR = 0.002
"""The narrowest side of a band, as a share of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarModel:
    """Of any site whose series has the columns of those it was fitted to."""

    centre: Values
    spread: Values
    weights: Matrix
    """Of the standardised columns, after a constant; shape (core levels, columns + 1)."""
    booster: xgboost.Booster
    calibration: Calibration

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Calibrated quantiles in kW at `QUANTILE_LEVELS` within the site's limits, shape (rows, levels), from its own past."""
        series = history.series
        clear, expected = clear_sky(series, known=history.known), forecast_power(series, known=history.known)
        rows = clearness(series, clear, expected, known=pairs.known, step=pairs.step)
        peak = float(clear.max(initial=0.0))
        spread = self.calibration.apply(self.core(rows), pairs.lead_hours(series), FLOOR * peak)
        bounds = limits(series, known=history.known, rating_kw=history.rating_kw)
        return bounds.apply(spread, dark_steps(series)[pairs.step] | (rows.clear_kw <= 0))

    def to_files(self) -> dict[str, bytes]:
        """Bytes by file name: the trees as UBJSON, the rest as JSON."""
        words = {
            "format": FORMAT,
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "weights": self.weights.tolist(),
            "levels": self.calibration.levels,
            "multipliers": self.calibration.multipliers.tolist(),
        }
        return {TREES_FILE: bytes(self.booster.save_raw("ubj")), WORDS_FILE: json.dumps(words, indent=1).encode()}

    def core(self, rows: Clearness) -> Matrix:
        """Uncalibrated `CORE_LEVELS` in kW, shape (rows, 3)."""
        straight = _with_constant((rows.matrix - self.centre) / self.spread) @ self.weights.T
        grown = self.booster.inplace_predict(rows.matrix.astype(np.float32)).reshape(-1, len(CORE_LEVELS))
        core: Matrix = np.sort((straight + grown) / 2.0, axis=1).clip(0.0, MOST) * rows.clear_kw[:, None]
        return core


def from_files(files: Mapping[str, bytes]) -> SolarModel:
    """The model that `to_files` wrote. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"format is {words['format']!r}: this program reads {FORMAT}; train again")
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(files[TREES_FILE]))
        return SolarModel(
            centre=np.array(words["centre"]),
            spread=np.array(words["spread"]),
            weights=np.array(words["weights"]),
            booster=booster,
            calibration=Calibration(levels=tuple(words["levels"]), multipliers=np.array(words["multipliers"])),
        )
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"the solar model's files cannot be read ({type(problem).__name__}); train again") from problem


def fit(histories: Sequence[History], *, rows: int, seed: int, threads: int = 1) -> SolarModel | None:
    """Fit on at most `rows` pairs, shared by the sites; None where no site has generated in the light. One thread does it."""
    del threads
    share = max(1, min(rows, MOST_ROWS) // max(1, len(histories)))
    early = _fit([replace(each, known=each.known - PROOF_DAYS * each.series.per_day) for each in histories], share, seed)
    whole = _fit(histories, share, seed)
    return whole if early is None or whole is None else replace(whole, calibration=_calibrated(early, histories, share, seed))


def _fit(histories: Sequence[History], share: int, seed: int) -> SolarModel | None:
    parts = [part for number, each in enumerate(histories) if (part := _learnable(each, share, seed + number)) is not None]
    if not parts:
        return None
    matrix, target, weight = (np.concatenate([part[column] for part in parts]) for column in range(3))
    weight = weight / weight.mean()
    centre, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-6
    data = xgboost.QuantileDMatrix(matrix.astype(np.float32), target, weight=weight, max_bin=PARAMETERS["max_bin"])
    return SolarModel(
        centre=centre,
        spread=spread,
        weights=_quantile_regression(_with_constant((matrix - centre) / spread), target, weight),
        booster=xgboost.train({**PARAMETERS, "quantile_alpha": np.array(CORE_LEVELS), "seed": seed}, data, ROUNDS),
        calibration=uncalibrated(QUANTILE_LEVELS),
    )


def _learnable(history: History, share: int, seed: int) -> tuple[Matrix, Values, Values] | None:
    """Columns, clearness and weight of random pairs in the light; None for none."""
    series = history.series
    if history.known <= series.per_day:
        return None
    pairs = training_pairs(series, until=history.known, rows=share, rng=np.random.default_rng(seed))
    clear, expected = clear_sky(series, known=history.known), forecast_power(series, known=history.known)
    pairs = pairs.where(clear[pairs.step] > LEAST_PROMINENCE * clear.max(initial=0.0))
    if not len(pairs):
        return None
    rows = clearness(series, clear, expected, known=pairs.known, step=pairs.step)
    return rows.matrix, np.clip(series.values[pairs.step] / rows.clear_kw, 0.0, MOST), rows.share


def _quantile_regression(columns: Matrix, target: Values, weight: Values) -> Matrix:
    """Linear quantiles at `CORE_LEVELS` by reweighted least squares (Schlossmacher 1973), shape (levels, columns)."""
    penalty = RIDGE * weight.sum() * np.diag([0.0] + [1.0] * (columns.shape[1] - 1))

    def solve(weights: Values) -> Values:
        weighted = columns * weights[:, None]
        found: Values = np.linalg.solve(weighted.T @ columns + penalty, weighted.T @ target)
        return found

    start = solve(weight)
    lines = []
    for level in CORE_LEVELS:
        line = start
        for _ in range(REWEIGHTINGS):
            miss = target - columns @ line
            line = solve(weight * np.where(miss > 0, level, 1.0 - level) / np.maximum(np.abs(miss), NARROWEST))
        lines.append(line)
    return np.array(lines)


def _calibrated(early: SolarModel, histories: Sequence[History], share: int, seed: int) -> Calibration:
    """From how far the proof days lay from the forecasts of a model that ended before them, all sites in units of their peak."""
    cores, actual, leads = [], [], []
    for number, each in enumerate(histories):
        series, before = each.series, each.known - PROOF_DAYS * each.series.per_day
        if before <= series.per_day:
            continue
        pairs = training_pairs(series, until=each.known, rows=share, rng=np.random.default_rng(seed + number), days=PROOF_DAYS)
        clear, expected = clear_sky(series, known=before), forecast_power(series, known=before)
        peak = float(clear.max(initial=0.0))
        pairs = pairs.where(clear[pairs.step] > LEAST_PROMINENCE * peak)
        if len(pairs):
            cores.append(early.core(clearness(series, clear, expected, known=pairs.known, step=pairs.step)) / peak)
            actual.append(series.values[pairs.step] / peak)
            leads.append(pairs.lead_hours(series))
    if not cores:
        return early.calibration
    per_day = max(each.series.per_day for each in histories)
    return calibrate(
        np.concatenate(cores), np.concatenate(actual), np.concatenate(leads), QUANTILE_LEVELS, floor=FLOOR, rows_per_day=per_day
    )


def _with_constant(columns: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(columns)), columns])
