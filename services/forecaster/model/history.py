"""What a forecaster may learn a site from."""

from dataclasses import dataclass

from services.forecaster.model.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A site's series of which the steps before `known` may be learned from."""

    series: Series
    known: int
    rating_kw: float | None = None
