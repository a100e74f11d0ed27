"""Places are as coarse as weather."""

import pytest

from shared.domain.errors import InvalidValueError
from shared.domain.place import Place
from tests.factories import a_site


def test_homes_of_one_place_share_its_name():
    assert Place.of(a_site(latitude=52.5163, longitude=13.3777)) == Place.of(a_site(latitude=52.5199, longitude=13.3801))
    assert str(Place(latitude=52.5163, longitude=13.3777)) == "52.52,13.38"


def test_there_is_one_zero():
    assert str(Place(latitude=-0.001, longitude=0.001)) == "0.00,0.00"


def test_a_site_without_coordinates_has_no_place():
    assert Place.of(a_site(latitude=None, longitude=None)) is None


def test_a_place_is_on_earth():
    with pytest.raises(InvalidValueError, match="latitude"):
        Place(latitude=90.01, longitude=0.0)
