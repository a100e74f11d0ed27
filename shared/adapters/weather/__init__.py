"""Weather: histories from a file, and Open-Meteo over the network."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking
from shared.adapters.feeds.kept import Kept
from shared.adapters.feeds.turns import Turns
from shared.adapters.weather.file import WeatherFile
from shared.adapters.weather.online import APART, NAME, ObservedWeatherHistory, OpenMeteo

__all__ = ["ObservedWeatherHistory", "OpenMeteo", "WeatherFile", "open_meteo_service"]


def open_meteo_service(
    asking: Asking, *, folder: Path, urls: Mapping[str, str], key: SecretStr | None, sleep: Callable[[float], None] = time.sleep
) -> OpenMeteo:
    """Open-Meteo with its answers kept in a folder; `urls` beats where it is asked, `sleep` is how the next turn is waited for."""
    return OpenMeteo(asking, kept=Kept(folder), turns=Turns(folder, NAME, apart=APART, sleep=sleep), urls=urls, key=key)
