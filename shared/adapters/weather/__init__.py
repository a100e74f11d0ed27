"""Weather histories: from a file."""

from shared.adapters.weather.file import WeatherFile

__all__ = ["WeatherFile"]
