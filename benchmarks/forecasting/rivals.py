"""Who competes for what, by the names of the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from forecasting import recursive, simple, skies
from forecasting.origin import Case, Quantiles
from forecasting.trees import plain_trees

PLAIN = "quantile xgboost per site"
RIDGE = "ridge on lags"
LIGHTGBM = "mlforecast LightGBM"
NEAREST = ("EMHASS kNN, 9 days", "EMHASS kNN, all history")
CLEARNESS = "clear sky x blended clearness"
YESTERDAY = "yesterday"

Forecast = Callable[[Case], Quantiles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A forecaster of one site by its own past."""

    forecast: Callable[[], Forecast]
    """Imports its library."""
    library: str | None = None
    """That it needs beside the project's own."""
    has_band: bool = True
    is_baseline: bool = False
    """One of those that ours may not lose to on any home."""


SEASONAL: Mapping[str, Rival] = {
    YESTERDAY: Rival(forecast=lambda: simple.banded(simple.yesterday), is_baseline=True),
    "last week": Rival(forecast=lambda: simple.banded(simple.last_week), is_baseline=True),
    "mean of 7 days": Rival(forecast=lambda: simple.banded(simple.mean_of_week), is_baseline=True),
    "median of 7 days": Rival(forecast=lambda: simple.banded(simple.median_of_week), is_baseline=True),
    "mean of 4 same weekdays": Rival(forecast=lambda: simple.banded(simple.mean_of_weekdays), is_baseline=True),
}
LOAD: Mapping[str, Rival] = {
    **SEASONAL,
    RIDGE: Rival(forecast=lambda: simple.refitted(simple.ridge), is_baseline=True),
    LIGHTGBM: Rival(forecast=recursive.lightgbm, library="lightgbm", has_band=False),
    NEAREST[0]: Rival(forecast=lambda: recursive.nearest(recursive.EMHASS_DAYS), library="sklearn", has_band=False),
    NEAREST[1]: Rival(forecast=lambda: recursive.nearest(None), library="sklearn", has_band=False),
    "EMHASS lasso": Rival(forecast=recursive.lasso, library="sklearn", has_band=False),
    PLAIN: Rival(forecast=lambda: plain_trees),
}
SOLAR: Mapping[str, Rival] = {
    YESTERDAY: SEASONAL[YESTERDAY],
    CLEARNESS: Rival(forecast=lambda: simple.banded(skies.clearness), is_baseline=True),
    "mean of three": Rival(forecast=lambda: simple.banded(skies.mean_of_three)),
    PLAIN: Rival(forecast=lambda: plain_trees),
}
PLANTS: Mapping[str, Rival] = {
    YESTERDAY: SEASONAL[YESTERDAY],
    "physics from the forecast": Rival(forecast=lambda: simple.refitted(skies.physics)),
    "ridge on the forecast": Rival(forecast=lambda: simple.refitted(skies.ridge_on_weather)),
    PLAIN: Rival(forecast=lambda: plain_trees),
}
GROUPS: Mapping[str, Mapping[str, Rival]] = {"load": LOAD, "solar": SOLAR, "plants": PLANTS}


def there(rivals: Mapping[str, Rival]) -> tuple[dict[str, Rival], list[str]]:
    """Those whose library is installed, and a line about each of the others."""
    held = {name: rival for name, rival in rivals.items() if rival.library is None or find_spec(rival.library)}
    lines = [
        f"left out: {name}, which needs {rival.library}; pip install 'predictive-optimization-der[benchmark]'"
        for name, rival in rivals.items()
        if name not in held
    ]
    return held, lines
