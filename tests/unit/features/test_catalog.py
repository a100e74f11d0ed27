"""The names and their version."""

from pathlib import Path

from services.features.recipe.catalog import catalog
from services.features.recipe.page import page
from shared.domain.feature import Availability

REQUIRED = {
    "load_kw", "solar_kw", "price_per_kwh", "export_price_per_kwh", "battery_power_kw", "ev_kw", "quality", "hour_sin", "hour_cos",
    "hour_local", "weekday", "is_weekend", "is_holiday", "year_sin", "year_cos", "sun_elevation_deg", "clear_sky_kw",
}  # fmt: skip
"""The forecaster builds on these."""


def test_every_feature_has_a_unit_and_a_sentence_and_one_place():
    features = catalog(window_days=7).features
    assert {feature.name for feature in features} >= REQUIRED
    assert len({feature.name for feature in features}) == len(features)
    assert all(feature.unit and len(feature.description) > 10 for feature in features)


def test_what_the_forecaster_may_use_at_the_target_is_marked_so():
    known = {feature.name: feature.availability for feature in catalog(window_days=7).features}
    assert known["load_kw"] is known["solar_kw"] is known["quality"] is Availability.AFTER_STEP
    assert known["hour_sin"] is known["clear_sky_kw"] is Availability.AHEAD
    assert known["price_per_kwh"] is Availability.ANNOUNCED


def test_the_committed_page_is_the_generated_one():
    committed = (Path(__file__).resolve().parents[3] / "docs" / "features.md").read_text("utf-8")
    assert committed == page(catalog(window_days=7)), "make it again with: der features --catalog > docs/features.md"


def test_the_version_tells_the_window_and_equal_words_have_equal_versions():
    week, days = catalog(window_days=7), catalog(window_days=5)
    assert week == catalog(window_days=7)
    assert week.version != days.version
    assert week.version.startswith("7d-")
    assert "load_mean_5d_hour_kw" in days.names
