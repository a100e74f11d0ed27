"""One switch: addresses pick adapters; what cannot be opened is named with the remedy."""

from pathlib import Path

import pytest

from shared.runtime.cli import UsageError
from shared.runtime.resources import open_resources
from shared.runtime.settings import InfluxSettings, RuntimeSettings


def test_nothing_is_made_before_something_is_used(tmp_path):
    with open_resources(RuntimeSettings(state_dir=tmp_path / "state")):
        assert not (tmp_path / "state").exists()


def test_the_state_folder_is_made_with_its_parents_and_left_clean(tmp_path):
    folder = tmp_path / "a" / "b"
    assert open_resources(RuntimeSettings(state_dir=folder)).state_dir == folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "below"])
def test_a_state_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path, inside):
    (tmp_path / "file").touch()
    with pytest.raises(
        UsageError, match=r"state folder '.*file.*' cannot be written \(.+\); name another with --state-dir or DER_STATE_DIR"
    ):
        _ = open_resources(RuntimeSettings(state_dir=tmp_path / "file" / inside)).state_dir


def test_several_processes_may_begin_on_one_folder_at_once(tmp_path):
    for name in (".writable", "left-behind"):
        (tmp_path / name).mkdir()
    assert open_resources(RuntimeSettings(state_dir=tmp_path)).state_dir == tmp_path


@pytest.mark.parametrize(
    ("name", "variable"), [("edge_store_url", "DER_EDGE_STORE_URL"), ("cloud_store_url", "DER_CLOUD_STORE_URL"), ("bus_url", "DER_BUS_URL")]
)
@pytest.mark.parametrize("url", ["mysql://localhost/der", "nonsense", "http://localhost:8086"])
def test_an_address_that_no_adapter_serves_is_named_by_its_variable(tmp_path, name, variable, url):
    with pytest.raises(UsageError, match=rf"{variable} is {url!r}: its scheme must be"):
        open_resources(RuntimeSettings(state_dir=tmp_path, **{name: url}))
    assert list(tmp_path.iterdir()) == []


PLACE = {"token": "t", "org": "o", "bucket": "b"}


@pytest.mark.parametrize("form", ["sqlite:{}", "sqlite://{}"])
def test_an_address_names_the_file_of_a_store(tmp_path, form):
    with open_resources(
        RuntimeSettings(state_dir=tmp_path / "state", edge_store_url=form.format(tmp_path / "gateway.sqlite"))
    ) as resources:
        assert resources.edge.extents() == []
    assert (tmp_path / "gateway.sqlite").is_file()


def test_an_address_with_a_host_is_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"write one slash or three, for example sqlite:var/edge\.sqlite"):
        open_resources(RuntimeSettings(state_dir=tmp_path, edge_store_url="sqlite://var/edge.sqlite"))


def test_an_address_without_a_file_is_told_so(tmp_path):
    with pytest.raises(UsageError, match=r"DER_CLOUD_STORE_URL is 'sqlite:': names no file, for example sqlite:var/cloud\.sqlite"):
        open_resources(RuntimeSettings(state_dir=tmp_path, cloud_store_url="sqlite:"))


def test_stores_of_one_file_are_opened_once_and_closed_together(tmp_path):
    with open_resources(RuntimeSettings(state_dir=tmp_path)) as resources:
        assert resources.edge is resources.announcements
        assert resources.edge.extents() == []
        assert resources.sites.list() == []
        assert resources.readings.extent(site_id="home") is None
    assert {path.name for path in tmp_path.glob("*.sqlite")} == {"cloud.sqlite", "edge.sqlite"}


def test_the_model_folder_is_in_the_state_folder_unless_it_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("FORECAST_MODEL_DIR", raising=False)
    settings = RuntimeSettings(state_dir=tmp_path, FORECAST_MODEL_DIR=Path(tmp_path / "elsewhere"))
    assert settings.model_dir == tmp_path / "elsewhere"
    assert RuntimeSettings(state_dir=tmp_path).model_dir is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8086",
        "ftp://localhost",
        "http://",
        "http://localhost:x",
        "http://localhost:99999",
        "http://h?a=b",
        "http://a b",
        "http://h\n",
        "http://h\x1b[2J",
    ],
)
def test_an_address_that_is_none_of_a_server_is_named_with_an_example(tmp_path, url):
    with (
        open_resources(RuntimeSettings(state_dir=tmp_path)) as resources,
        pytest.raises(UsageError, match=r"INFLUXDB_URL is '.*': must be http://HOST:PORT"),
    ):
        resources.influx_edge(InfluxSettings(url=url, **PLACE))


def test_a_user_in_an_address_is_refused_and_not_repeated(tmp_path):
    with open_resources(RuntimeSettings(state_dir=tmp_path)) as resources, pytest.raises(UsageError) as caught:
        resources.influx_edge(InfluxSettings(url="http://me:canary@localhost:8086", **PLACE))
    assert "canary" not in str(caught.value)
