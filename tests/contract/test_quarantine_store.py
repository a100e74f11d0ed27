"""`QuarantineStore`: refused rows are kept once, with the reason."""

import random
import string
from datetime import timedelta

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)


def refused(*reasons: str, site_id: str = "home", stored_at=NOON) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": pd.Series([site_id] * len(reasons), dtype="str"),
            "device_id": pd.Series(["gateway"] * len(reasons), dtype="str"),
            "timestamp": pd.Series(["not a time"] * len(reasons), dtype="str"),
            "reason": pd.Series(reasons, dtype="str"),
            "document": pd.Series(['{"timestamp": "not a time"}'] * len(reasons), dtype="str"),
            "stored_at": pd.Series([stored_at] * len(reasons), dtype="datetime64[us, UTC]"),
        }
    )


def test_a_refused_row_is_kept_as_it_came(store):
    assert store.quarantine.put(refused("clock ahead")) == 1
    assert_frame_equal(store.quarantine.read(), refused("clock ahead"))


def test_the_same_refusal_is_kept_once(store):
    store.quarantine.put(refused("clock ahead"))
    assert store.quarantine.put(refused("clock ahead", "no device", stored_at=NOON + timedelta(hours=1))) == 1
    assert store.quarantine.count() == 2


@pytest.mark.parametrize("name", ["site_id", "device_id", "timestamp", "reason", "document"])
def test_texts_of_any_length_are_kept_once(store, name):
    """What is refused may be wrong in every way: there is no second quarantine for it."""
    letters = "".join(random.Random(1).choices(string.ascii_letters, k=20_000))  # noqa: S311  # no server can compress it
    rows = refused("clock ahead").assign(**{name: letters})
    assert (store.quarantine.put(rows), store.quarantine.put(rows), store.quarantine.count()) == (1, 0, 1)
    assert store.quarantine.read()[name].tolist() == [letters]
    assert len(store.quarantine.read(site_id=rows["site_id"].iloc[0])) == 1


@pytest.mark.parametrize("text", ["half \ud800 a character", "a zero \0 byte", "", "'; DROP TABLE sites; --"])
def test_texts_of_any_letters_are_kept(store, text):
    column = pd.Series([text], dtype=object)
    rows = refused("bad").assign(device_id=column, document=column)
    assert store.quarantine.put(rows) == 1
    (kept,) = store.quarantine.read(site_id="home")["document"]
    assert kept[:4] == text[:4]


def test_the_newest_come_first_and_a_limit_keeps_them(store):
    store.quarantine.put(refused("old"))
    store.quarantine.put(refused("new", stored_at=NOON + timedelta(hours=1)))
    assert store.quarantine.read()["reason"].tolist() == ["new", "old"]
    assert store.quarantine.read(limit=1)["reason"].tolist() == ["new"]


def test_sites_are_counted_and_read_apart(store):
    store.quarantine.put(refused("a", "b"))
    store.quarantine.put(refused("a", site_id="other"))
    assert (store.quarantine.count(), store.quarantine.count(site_id="home"), store.quarantine.count(site_id="nobody")) == (3, 2, 0)
    assert store.quarantine.read(site_id="other")["site_id"].tolist() == ["other"]


def test_nothing_refused_is_an_empty_frame(store):
    assert store.quarantine.put(refused()) == 0
    assert_frame_equal(store.quarantine.read(), refused())


def test_refused_rows_are_there_after_a_restart(opened):
    with opened() as first:
        first.quarantine.put(refused("a"))
    with opened() as second:
        assert second.quarantine.count() == 1
