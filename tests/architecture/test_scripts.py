"""The four root scripts have exactly the customer's options."""

import argparse

import pytest

from services.embedded.forecasting import cli as training
from services.features.main import cli as features
from services.gateway_sim.main import cli as simulator
from services.sync.main import cli as sync

OPTIONS = {
    simulator: {
        "--once", "--continuous", "--scheduled", "--historical", "--generate-config", "--interval", "--start", "--end", "--output",
        "--config", "--enable-influxdb", "--influxdb-url", "--influxdb-token", "--influxdb-org", "--influxdb-bucket",
        "--influxdb-retention-days",
    },
    sync: {"--once", "--continuous", "--interval", "--status", "--influxdb-token"},
    features: {"--once", "--lookback-days", "--continuous", "--interval", "--status"},
    training: {"--train", "--model-dir", "--evaluate", "--status"},
}  # fmt: skip


@pytest.mark.parametrize("cli", OPTIONS, ids=lambda cli: cli.__module__)
def test_a_root_script_has_the_customers_options_and_no_other(cli, monkeypatch):
    seen: set[str] = set()
    ordinary = argparse.ArgumentParser.parse_args

    def look(parser: argparse.ArgumentParser, *arguments: object) -> argparse.Namespace:
        seen.update(option for action in parser._actions for option in action.option_strings)
        return ordinary(parser, ["--help"])

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", look)
    with pytest.raises(SystemExit):
        cli([])
    assert seen - {"-h", "--help"} == OPTIONS[cli]
