"""Settings: command line beats environment beats default, and a wrong value is named by its variable."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.cli import UsageError
from shared.runtime.settings import RuntimeSettings, load


class Sample(BaseSettings):
    """As a service's settings are."""

    model_config = SettingsConfigDict(env_prefix="FE_", populate_by_name=True, frozen=True)

    batch_size: int = Field(default=1000, gt=0)
    lookback_days: Annotated[int, Field(gt=0)] = 30
    sites: list[str] = []
    token: SecretStr = Field(validation_alias="INFLUXDB_TOKEN", default=SecretStr(""), max_length=5)
    supabase_url: str = Field(validation_alias="SUPABASE_URL", default="")


class Demanding(BaseSettings):
    """Something without a default."""

    influxdb_token: str


def test_the_default_holds_where_nothing_is_given():
    assert load(Sample).batch_size == 1000


def test_the_environment_beats_the_default_and_the_command_line_both(monkeypatch):
    monkeypatch.setenv("FE_BATCH_SIZE", "50")
    assert load(Sample).batch_size == 50
    assert load(Sample, batch_size=None).batch_size == 50
    assert load(Sample, batch_size=7).batch_size == 7


@pytest.mark.parametrize(
    ("variable", "value"), [("FE_BATCH_SIZE", "many"), ("FE_BATCH_SIZE", "0"), ("FE_LOOKBACK_DAYS", "-3"), ("FE_SITES", "[broken")]
)
def test_a_wrong_value_is_named_by_its_variable_in_one_line(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as problem:
        load(Sample)
    assert str(problem.value).startswith(f"{variable} is {value!r}: ")
    assert str(problem.value).endswith("; correct it or unset it")
    assert "\n" not in str(problem.value)


def test_a_value_under_another_name_is_named_as_the_customer_knows_it(monkeypatch):
    monkeypatch.setenv("DER_LOG_LEVEL", "loud")
    with pytest.raises(UsageError, match=r"DER_LOG_LEVEL is 'loud': .*'debug'.*correct it or unset it"):
        load(RuntimeSettings)
    monkeypatch.delenv("DER_LOG_LEVEL")
    monkeypatch.setenv("FORECAST_MODEL_DIR", "/models")
    assert load(RuntimeSettings).model_dir == Path("/models")


def test_a_secret_is_not_repeated(monkeypatch):
    monkeypatch.setenv("INFLUXDB_TOKEN", "very-secret")
    with pytest.raises(UsageError) as problem:
        load(Sample)
    assert "INFLUXDB_TOKEN" in str(problem.value)
    assert "very-secret" not in str(problem.value)


def test_a_missing_value_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setenv("OTHER_SECRET", "hidden")
    with pytest.raises(UsageError, match=r"^INFLUXDB_TOKEN is not set: set it in the environment$"):
        load(Demanding)


def test_the_folder_of_state_is_taken_from_the_command_line(monkeypatch, tmp_path):
    monkeypatch.setenv("DER_STATE_DIR", "/elsewhere")
    assert load(RuntimeSettings, state_dir=tmp_path).state_dir == tmp_path


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load(RuntimeSettings).state_dir = Path("x")


@pytest.mark.parametrize("variable", ["DER_EDGE_STORE_URL", "DER_CLOUD_STORE_URL", "SUPABASE_URL", "SUPABASE_KEY"])
def test_an_empty_address_is_none(monkeypatch, variable):
    monkeypatch.delenv(variable, raising=False)
    without = load(RuntimeSettings)
    monkeypatch.setenv(variable, "")
    assert load(RuntimeSettings) == without


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_state_folder_is_refused_and_not_taken_for_the_current_one(monkeypatch, given):
    with pytest.raises(UsageError, match=r"DER_STATE_DIR is .*: is empty; name a folder"):
        load(RuntimeSettings, state_dir=given)
    monkeypatch.setenv("DER_STATE_DIR", given)
    with pytest.raises(UsageError, match=r"DER_STATE_DIR is .*: is empty; name a folder"):
        load(RuntimeSettings)


def test_an_empty_model_folder_is_refused(monkeypatch):
    monkeypatch.setenv("FORECAST_MODEL_DIR", "")
    with pytest.raises(UsageError, match=r"FORECAST_MODEL_DIR is .*: is empty; name a folder"):
        load(RuntimeSettings)


@pytest.mark.parametrize("variable", ["DER_CLOUD_STORE_URL", "SUPABASE_URL", "SUPABASE_KEY", "ENTSOE_TOKEN"])
def test_an_address_or_a_key_that_is_empty_is_none(monkeypatch: pytest.MonkeyPatch, variable: str):
    monkeypatch.setenv(variable, "")
    assert getattr(load(RuntimeSettings), variable.removeprefix("DER_").lower()) is None
