"""The guide to the simulator names what a configuration can hold."""

import json
from pathlib import Path

from services.gateway_sim.settings import GatewayConfiguration, read_configuration, write_configuration
from services.gateway_sim.settings.configuration import SECTIONS

GUIDE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text("utf-8")


def test_every_field_beyond_the_common_ones_is_explained(tmp_path: Path):
    write_configuration(tmp_path / "common.json")
    common = json.loads((tmp_path / "common.json").read_text("utf-8"))
    fields = {name for name in GatewayConfiguration.model_fields if name not in common}
    for section, model in SECTIONS.items():
        written = common.get(section, {})
        prefix = "" if section == "faults" else f"{section}."
        fields |= {f"{prefix}{name}" for name in model.model_fields if name not in written}
    assert fields
    assert not [name for name in sorted(fields) if f"`{name}`" not in GUIDE and f'"{name}"' not in GUIDE]


def test_its_example_of_faults_is_a_configuration(tmp_path: Path):
    example = GUIDE.split("```json\n")[1].split("```")[0]
    (tmp_path / "faults.json").write_text(example, "utf-8")
    assert read_configuration(tmp_path / "faults.json").faults.to_faults().any
