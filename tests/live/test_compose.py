"""The whole platform in containers. Left out, also where nothing may be missing, on a machine without a Docker engine."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.compose.stack import DEPLOY, SERVICES, Stack, compose_commands, eventually, require_engine, stack
from tests.live.private_process import Missing

pytestmark = pytest.mark.live

MAKE_ENV = DEPLOY / "make-env"
EXAMPLE = DEPLOY / ".env.example"
SITE = "edge-gateway-001"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "made.env"
    subprocess.run([sys.executable, MAKE_ENV, path], check=True, capture_output=True)
    return path


def values(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


def services(*files: str) -> dict[str, dict[str, Any]]:
    """What the files say of each service, the later ones on top."""
    found: dict[str, dict[str, Any]] = {}
    for name in files or ("docker-compose.yml",):
        for service, words in yaml.safe_load((DEPLOY / name).read_text())["services"].items():
            before = found.setdefault(service, {})
            found[service] = {**before, **words, "environment": {**before.get("environment", {}), **words.get("environment", {})}}
    return found


@pytest.fixture(params=[("docker", "compose"), ("docker-compose",)], ids=["v2", "1.29"])
def compose(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param not in compose_commands():
        pytest.skip(f"left out: {' '.join(request.param)} is not installed")
    return request.param


def test_fresh_settings_have_every_secret_once_and_are_for_their_owner_alone(settings: Path, tmp_path: Path):
    assert settings.stat().st_mode & 0o777 == 0o600
    made = values(settings)
    secrets = {name: value for name, value in made.items() if re.search(r"PASSWORD|TOKEN|SECRET|_KEY", name)}
    assert len(secrets) == 12
    assert len(set(secrets.values())) == 12
    assert all(len(value) >= 48 and re.fullmatch(r"[A-Za-z0-9._-]+", value) for value in secrets.values())
    subprocess.run([sys.executable, MAKE_ENV, tmp_path / "other.env"], check=True, capture_output=True)
    assert not set(secrets.values()) & set(values(tmp_path / "other.env").values())


def test_settings_that_are_there_are_never_overwritten(settings: Path):
    before = settings.read_bytes()
    again = subprocess.run([sys.executable, MAKE_ENV, settings], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert len(again.stderr.splitlines()) == 1
    assert settings.read_bytes() == before


def test_each_key_names_its_role_and_is_signed_with_the_secret(settings: Path):
    from jwt import decode  # supabase's client brings it

    made = values(settings)
    for name, role in (("SUPABASE_ANON_KEY", "anon"), ("SUPABASE_SERVICE_KEY", "service_role"), ("SUPABASE_SYNC_KEY", "der_sync")):
        assert decode(made[name], made["JWT_SECRET"], algorithms=["HS256"])["role"] == role


def test_the_example_has_no_secret_and_does_not_start_anything(compose: tuple[str, ...]):
    assert not [name for name, value in values(EXAMPLE).items() if re.search(r"PASSWORD|TOKEN|SECRET|_KEY", name) and value]
    words = [*compose, "--env-file", EXAMPLE, "-f", DEPLOY / "docker-compose.yml", "config", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "run deploy/make-env first" in done.stderr


def test_every_variable_of_the_example_is_used_and_every_one_used_is_in_the_example():
    files = [DEPLOY / "docker-compose.yml", DEPLOY / "docker-compose.rest.yml"]
    used = {name for file in files for name in re.findall(r"\$\{(\w+)", file.read_text())}
    used |= {name for file in files for name in re.findall(r"^ +([A-Z_]+):$", file.read_text(), re.MULTILINE)}
    told = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert told - used == {"COMPOSE_PROJECT_NAME", "COMPOSE_FILE"}
    assert used - told == {"PIP_INDEX_URL"}


@pytest.mark.parametrize("files", [("docker-compose.yml",), ("docker-compose.yml", "docker-compose.rest.yml")], ids=["database", "rest"])
def test_both_lines_of_compose_take_the_files(compose: tuple[str, ...], settings: Path, files: tuple[str, ...]):
    chosen = [part for name in files for part in ("-f", DEPLOY / name)]
    done = subprocess.run([*compose, "--env-file", settings, *chosen, "config"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    resolved = yaml.safe_load(done.stdout)["services"]
    assert set(resolved) == set(services(*files))
    assert values(settings)["SYNC_PASSWORD"] in str(resolved["roles"])


def test_nothing_but_the_api_is_reached_from_outside_and_that_from_this_machine_alone():
    published = {name: service["ports"] for name, service in services().items() if service.get("ports")}
    assert list(published) == ["api"]
    (port,) = published["api"]
    assert port.startswith("127.0.0.1:")
    assert services()["api"]["environment"]["API_PUBLISHED_ON_LOOPBACK"] == "true"


def test_every_container_has_few_rights_and_bounds():
    told = services()
    assert set(SERVICES) < set(told)
    for name, service in told.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["cpus"] == "${CPUS:-1.0}", name
        assert service["pids_limit"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert "container_name" not in service, name
        assert not service.get("privileged"), name
        assert service["restart"] == ("no" if name in ("roles", "migrate") else "unless-stopped"), name
    for name in (*SERVICES, "migrate"):
        assert told[name]["read_only"] is True, name
        assert "cap_add" not in told[name], name


def test_each_login_is_used_by_whom_it_is_made_for_alone():
    told = services()
    logins = {name: re.findall(r"//(\w+):", told[name]["environment"]["DER_CLOUD_STORE_URL"]) for name in (*SERVICES, "migrate")}
    assert logins.pop("sync") == ["der_synchronizer"]
    assert logins.pop("migrate") == ["der_owner"]
    assert set(itertools.chain(*logins.values())) == {"der_services"}
    assert [name for name, service in told.items() if "${POSTGRES_PASSWORD" in str(service)] == ["postgres", "roles"]


def test_one_more_file_lets_the_services_use_the_rest_api():
    told = services("docker-compose.yml", "docker-compose.rest.yml")
    for name in SERVICES:
        environment = told[name]["environment"]
        assert environment["DER_CLOUD_STORE_URL"] == "", name
        assert environment["SUPABASE_URL"] == "http://rest-gateway:8080", name
        assert environment["SUPABASE_KEY"].startswith("${SUPABASE_SYNC_KEY" if name == "sync" else "${SUPABASE_SERVICE_KEY"), name


def test_a_reading_becomes_a_schedule_in_containers_that_come_back_when_they_die(tmp_path: Path):
    try:
        require_engine()
        with stack(tmp_path, compose_commands()[0]) as platform:
            _journey(platform)
        assert platform.containers() == []
    except Missing as reason:
        pytest.skip(str(reason))


def _journey(platform: Stack) -> None:
    platform.run("build", seconds=1200.0)
    platform.run("up", "--detach", "--no-build")
    begun = datetime.now(UTC)
    site = f"/v1/sites/{SITE}"
    eventually("the site is listed", lambda: SITE in json.dumps(platform.get("/v1/sites")))
    eventually("a schedule is there", lambda: (platform.get(f"{site}/schedules/latest") or {}).get("slots"))
    assert eventually("a forecast is there", lambda: (platform.get(f"{site}/forecasts/latest?target=load") or {}).get("quantiles"))

    def newest() -> datetime:
        readings = platform.get(f"{site}/readings/latest") or {"items": []}
        return max((datetime.fromisoformat(row["timestamp"]) for row in readings["items"]), default=begun - timedelta(days=1))

    eventually("what is measured now arrives", lambda: newest() > begun)

    _require_few_rights(platform)
    _require_no_secret_in_images(platform)
    _require_the_rest_api_to_show(platform, SITE)

    platform.run("up", "--detach", "--no-build", "--no-recreate", "--scale", "forecaster=2", "--scale", "optimizer=2")
    for service in ("forecaster", "optimizer"):
        eventually(f"two of {service} are well", lambda service=service: _well(platform.containers(service)) == 2)

    (api,) = platform.containers("api")
    platform.run("exec", "-T", "api", "sh", "-c", "kill -9 -1 || true")
    eventually("the api has come back", lambda: platform.containers("api")[0]["RestartCount"] == 1)
    eventually("the api answers again", lambda: platform.get("/health/ready"))
    assert platform.containers("api")[0]["Id"] == api["Id"]

    eventually("every container is well", lambda: _unwell(platform) == {})
    restarts = {container["Name"]: container["RestartCount"] for container in platform.containers() if container["RestartCount"]}
    assert restarts == {api["Name"]: 1}
    assert "Traceback" not in platform.logs()


def _well(containers: list[dict[str, Any]]) -> int:
    return sum(container["State"].get("Health", {}).get("Status") == "healthy" for container in containers)


def _unwell(platform: Stack) -> Mapping[str, str]:
    """Which of our services' containers do not say that they are well, and what they say."""
    states = {container["Name"]: container for service in SERVICES for container in platform.containers(service)}
    return {name: json.dumps(container["State"]["Health"]) for name, container in states.items() if not _well([container])}


def _require_few_rights(platform: Stack) -> None:
    for container in platform.containers():
        service, host = container["Config"]["Labels"]["com.docker.compose.service"], container["HostConfig"]
        ports = [port for bound in (container["NetworkSettings"]["Ports"] or {}).values() for port in bound or ()]
        assert ports == ([{"HostIp": "127.0.0.1", "HostPort": str(platform.port)}] if service == "api" else []), service
        if service in SERVICES:
            assert container["Config"]["User"] == "10001:10001", service
            assert host["ReadonlyRootfs"], service
            assert host["CapDrop"] == ["ALL"], service
    rights = "import os; print(os.getuid(), *(line for line in open('/proc/self/status') if line.startswith(('CapEff', 'NoNewPrivs'))))"
    assert platform.run("exec", "-T", "sync", "python3", "-c", rights).split() == ["10001", "CapEff:", "0" * 16, "NoNewPrivs:", "1"]


def _require_no_secret_in_images(platform: Stack) -> None:
    for service in SERVICES:
        image = f"predictive-optimization-der/{service}:tests"
        told = [
            subprocess.run(["docker", *words, image], capture_output=True, text=True, check=True).stdout
            for words in (["image", "inspect"], ["history", "--no-trunc"])
        ]
        assert not [name for name, secret in platform.secrets.items() if secret in "".join(told)], service


def _require_the_rest_api_to_show(platform: Stack, site_id: str) -> None:
    """What the services wrote into the database, to a command that knows the REST API alone."""
    secrets = platform.secrets
    address = ["-e", "DER_CLOUD_STORE_URL=", "-e", "SUPABASE_URL=http://rest-gateway:8080"]
    shown = platform.run(
        "exec", "-T", *address, "-e", f"SUPABASE_KEY={secrets['SUPABASE_SERVICE_KEY']}", "features", "der", "features", "--status"
    )
    assert site_id in shown
