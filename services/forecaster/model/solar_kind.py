"""Clear sky times clearness learned from one array alone, as a kind of model: what serves a home without neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import adapted, solar
from services.forecaster.model.adapted import Adapted
from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, ENVELOPE
from services.forecaster.model.following import Following
from services.forecaster.model.history import History
from services.forecaster.model.kind import Trial
from services.forecaster.model.series import COLUMNS, FORECAST, Series
from services.forecaster.model.solar import SolarModel
from services.forecaster.model.split import Fold, Pairs
from services.forecaster.model.training import Progress
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]

MODEL_NAME = "clear_sky_quantiles"
ROWS = 4_000
_OWN = "own-"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSky:
    """A solar model of one site, in the band that suits it."""

    sky: SolarModel
    adapted: Adapted

    @property
    def name(self) -> str:
        return MODEL_NAME

    @property
    def target(self) -> Target:
        return Target.SOLAR

    @property
    def columns(self) -> tuple[str, ...]:
        return (COLUMNS[Target.SOLAR], ELEVATION, AZIMUTH, ENVELOPE, *FORECAST)

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Shape (rows, levels)."""
        return self.adapted.quantiles(history, pairs)

    def to_files(self) -> Mapping[str, bytes]:
        return {**self.adapted.to_files(), **{f"{_OWN}{name}": data for name, data in self.sky.to_files().items()}}


def from_files(files: Mapping[str, bytes]) -> OwnSky:
    """What `to_files` wrote. Raises `UnreadableModelError`."""
    sky = solar.from_files({name.removeprefix(_OWN): data for name, data in files.items() if name.startswith(_OWN)})
    return OwnSky(sky=sky, adapted=adapted.from_files(files, sky))


class SolarKind:
    """Refitted for each fold, and followed through them."""

    def fits(self, folds: int) -> int:
        return folds + 1

    def trial(self, series: Series, folds: Sequence[Fold], *, now: int, rating_kw: float | None, seed: int, on_fit: Progress) -> Trial:
        site = Following(series=series, rating_kw=rating_kw, seed=seed)

        def fitted(until: int) -> SolarModel | None:
            model = solar.fit([History(series=series, known=until, rating_kw=rating_kw)], rows=ROWS, seed=seed)
            on_fit()
            return model

        tested = [site.judged(fold, sky) for fold in folds if (sky := fitted(fold.until))]
        whole = fitted(now)
        return Trial(tested=tested, model=OwnSky(sky=whole, adapted=site.adapted(whole, now=now)) if whole else None)
