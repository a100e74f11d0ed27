"""A catalog names its columns in order."""

import dataclasses

import pytest

from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec


def a_feature(name: str) -> FeatureSpec:
    return FeatureSpec(name=name, unit="kW", availability=Availability.AHEAD, description="A value.")


def test_names_keep_the_order_of_the_features():
    assert FeatureCatalog(version="1", features=(a_feature("b"), a_feature("a"))).names == ("b", "a")


def test_a_name_stands_once():
    with pytest.raises(InvalidValueError, match=r"features is .*load_lag.* may stand once"):
        FeatureCatalog(version="1", features=(a_feature("load_lag"), a_feature("load_lag")))


def test_availability_is_stored_by_its_word():
    assert [Availability(word) for word in ("after_step", "ahead", "announced")] == list(Availability)


def test_a_catalog_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FeatureCatalog(version="1", features=()).version = "2"
