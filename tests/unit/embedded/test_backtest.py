"""Which site a backtest is of."""

from pathlib import Path

import pytest

from services.embedded.backtest import BACKTEST, the_site
from shared.runtime.cli import UsageError
from shared.runtime.command import script
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings
from tests.factories import a_site


def test_the_only_site_needs_no_name_and_of_several_one_is_to_be_named(tmp_path: Path) -> None:
    with open_resources(RuntimeSettings(state_dir=tmp_path)) as resources:
        resources.sites.put(a_site(site_id="home"))
        assert the_site(resources, None).site_id == "home"
        resources.sites.put(a_site(site_id="shed"))
        assert the_site(resources, "shed").site_id == "shed"
        with pytest.raises(UsageError, match=r"there are 2 sites; name one with --site \(known: home, shed\)"):
            the_site(resources, None)
        with pytest.raises(UsageError, match=r"--site is 'barn': name one of the sites \(known: home, shed\)"):
            the_site(resources, "barn")


def test_an_empty_house_is_told_how_to_get_a_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path))
    assert script(BACKTEST, []) == 2
    assert "there is no site yet; import or simulate one and run `der sync --once`" in capsys.readouterr().err
