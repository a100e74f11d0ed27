"""Where the api may listen while it has no sign-in."""

import pytest

from services.api.settings import EVERYWHERE, ApiSettings
from shared.runtime.cli import UsageError
from shared.runtime.settings import load


def test_it_listens_on_this_machine_alone():
    assert load(ApiSettings).host == "127.0.0.1"
    with pytest.raises(UsageError, match=r"API_HOST is '192\.168\.1\.5'"):
        load(ApiSettings, host="192.168.1.5")


def test_every_address_is_refused_without_the_promise_that_only_this_machine_reaches_it():
    with pytest.raises(UsageError, match="API_PUBLISHED_ON_LOOPBACK=true"):
        load(ApiSettings, host=EVERYWHERE)


def test_a_container_published_on_loopback_may_listen_on_every_address_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("API_PUBLISHED_ON_LOOPBACK", "true")
    assert load(ApiSettings, host=EVERYWHERE).host == EVERYWHERE
    with pytest.raises(UsageError, match="API_HOST"):
        load(ApiSettings, host="192.168.1.5")
