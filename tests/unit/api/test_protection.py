"""What every request passes and every answer carries."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from services.api.main import create
from services.api.routes import examples
from services.api.routes.problems import Problem
from shared.domain.site import Site
from shared.runtime.resources import Resources
from tests.unit.api.conftest import Client


def is_problem(answer, status: int, code: str) -> bool:
    problem = Problem.model_validate(answer.json())
    kind = answer.headers["content-type"]
    same = problem.trace_id == answer.headers["x-request-id"]
    return kind == "application/problem+json" and same and (answer.status_code, problem.status, problem.code) == (status, status, code)


def test_the_frameworks_own_errors_are_problems(client: Client):
    assert is_problem(client.get("/nowhere"), 404, "not_found")
    assert is_problem(client.get("/assets/nowhere.js"), 404, "not_found")
    assert is_problem(client.get("/v1/sites/"), 404, "not_found")
    assert is_problem(client.delete("/v1/sites"), 405, "method_not_allowed")
    assert is_problem(client.get("/v1/sites?colour=red"), 422, "invalid_request")
    assert is_problem(client.post("/v1/sites", content=b"{", headers={"Content-Type": "application/json"}), 400, "malformed_json")
    assert is_problem(client.post("/v1/sites", content=b"{}", headers={"Content-Length": "2000000"}), 413, "body_too_large")
    assert "allow" in client.delete("/v1/sites").headers


def test_a_bug_is_a_problem_without_a_traceback(app: FastAPI):
    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    answer = Client(app).get("/broken")
    assert is_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_store_that_cannot_be_trusted_is_503_and_shown_by_readiness(client: Client, tmp_path: Path):
    (tmp_path / "cloud.sqlite").write_bytes(b"this is no database" * 100)
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    assert "cloud.sqlite" in ready.json()["problems"]["store"]
    assert client.get("/health/live").json() == {"status": "ok"}


def test_a_part_that_fails_is_shown_by_readiness(resources: Resources):
    app, _ = create(resources, checks={"worker": lambda: "the sweep fails: disk full"})
    assert Client(app).get("/health/ready").json()["problems"] == {"worker": "the sweep fails: disk full"}
    app, _ = create(resources, checks={"worker": lambda: None})
    assert Client(app).get("/health/ready").json() == {"status": "ready", "problems": {}}


def test_a_store_that_fails_is_a_problem_that_may_pass(client: Client, tmp_path: Path):
    (tmp_path / "cloud.sqlite").mkdir()
    answer = client.get("/v1/sites")
    assert is_problem(answer, 503, "store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert str(tmp_path) not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"])
def test_this_machine_is_served(client: Client, host: str):
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8000", "10.0.0.1", ""])
def test_another_host_name_is_refused(client: Client, host: str):
    assert is_problem(client.get("/v1/sites", headers={"Host": host}), 421, "wrong_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(client: Client, home: Site, headers: dict[str, str]):
    assert is_problem(client.delete("/v1/sites/home", headers=headers), 403, "cross_origin")
    assert client.get("/v1/sites/home").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, {"Sec-Fetch-Site": "none"}])
def test_our_own_page_and_programs_may_change_things(client: Client, headers: dict[str, str]):
    assert client.put("/v1/sites/home", json=examples.SITE, headers=headers).status_code == 201


def test_every_answer_carries_the_security_headers(client: Client):
    for path in ("/", "/docs", "/v1/sites", "/nowhere", "/assets/page.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_a_request_id_is_kept_when_it_is_harmless_and_replaced_when_not(client: Client):
    assert client.get("/health/live", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/health/live", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"] != "a b<script>"


def test_a_larger_answer_is_compressed(client: Client, home: Site):
    answer = client.get("/v1/sites/home/schedules/latest", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["site_id"] == "home"
