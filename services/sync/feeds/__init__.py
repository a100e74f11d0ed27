"""What public suppliers know, into the cloud store: prices, and weather."""

from services.sync.feeds.prices import PriceFeedService, SeriesFetch
from services.sync.feeds.weather import PlaceFetch, WeatherFeedService

__all__ = ["PlaceFetch", "PriceFeedService", "SeriesFetch", "WeatherFeedService"]
