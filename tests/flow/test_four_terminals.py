"""The customer's pipeline: four programs on one state folder, each started by its own script."""

import json
import time
from pathlib import Path

from tests.flow.processes import living, script


def test_simulator_sync_features_and_training_work_side_by_side(tmp_path: Path) -> None:
    with (
        living("run_simulator.py", "--continuous", "--interval", "1", state_dir=tmp_path) as simulator,
        living("run_cloud_sync.py", "--continuous", "--interval", "1", state_dir=tmp_path) as sync,
        living("run_feature_engineering.py", "--continuous", "--interval", "1", state_dir=tmp_path) as features,
    ):
        first = json.loads(simulator.wait_until_it_says(r'\{"timestamp".*\}\n').group())
        assert list(first) == ["timestamp", "device_id", "solar", "battery", "home_load", "grid_price", "net_grid_flow_kw"]
        status = wait_for(lambda: script("run_feature_engineering.py", "--status", state_dir=tmp_path).stdout, has="edge-gateway-001")
        training = script("run_model_training.py", "--train", state_dir=tmp_path)
        assert training.returncode == 0, training.stderr
        assert "load" in training.stdout
        assert "edge-gateway-001" in script("run_cloud_sync.py", "--status", state_dir=tmp_path).stdout
        for program in (simulator, sync, features):
            code, seconds = program.stop()
            assert code == 0, program.said
            assert seconds < 8
            assert "Traceback" not in program.said
    assert "edge-gateway-001" in status
    whole = [json.loads(line) for line in simulator.lines if line.startswith("{")]
    assert len({reading["timestamp"] for reading in whole}) == len(whole) >= 1


def wait_for(ask, *, has: str) -> str:
    deadline = time.monotonic() + 120
    while has not in (answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)
    return answer
