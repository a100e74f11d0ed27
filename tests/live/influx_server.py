"""A small InfluxDB 2 for tests: the requests that our adapter makes, answered as the real server answers them, over SQLite.

Strict where the real one would surprise later: it knows no Flux but ours, takes no field of another type than before, and
refuses readings beyond the bucket's retention. `python -m tests.live.influx_server --help` runs it as a process of its own.
"""

import argparse
import fcntl
import gzip
import json
import re
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.live import flux

TOKEN, READER = "the-token-of-the-tests", "a-token-that-may-only-look"
LONGEST_TEXT = 65_536
ORG, ORG_ID = "edge-gateway", "0c3bd6ed0a1b2c3d"

_UNITS = {"ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000}
_FIELD = r'\w+=(?:"(?:[^"\\]|\\.)*"|-?\d+i|[-+]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)'
_LINE = re.compile(rf"(\w+)((?:,\w+=[^,=\s\\]+)*) ({_FIELD}(?:,{_FIELD})*)(?: (-?\d+))?(?:\n|$)")
_TABLES = """
CREATE TABLE IF NOT EXISTS buckets (id TEXT PRIMARY KEY, name TEXT UNIQUE, seconds INTEGER);
CREATE TABLE IF NOT EXISTS kinds (bucket TEXT, measurement TEXT, field TEXT, kind TEXT, PRIMARY KEY (bucket, measurement, field));
CREATE TABLE IF NOT EXISTS points (bucket TEXT, measurement TEXT, tags TEXT, field TEXT, time INTEGER, value,
  PRIMARY KEY (bucket, measurement, tags, field, time)) WITHOUT ROWID;
"""


Answer = tuple[int, bytes, str]
"""The status, the body and its type."""
Route = Callable[[dict[str, str], str, bytes], Answer]


class Refusal(Exception):
    """An answer that is an error, in InfluxDB's words."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        self.status, self.message, self.headers = status, message, headers
        super().__init__(message)


class InfluxServer:
    """Serves while it is entered; entered again it is the same server, on its old port, with its data."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "influx.sqlite"
        self._host, self._port = host, port
        self._guard = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.refusals: list[Refusal] = []
        """The next requests are answered with these."""
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request that was let in, in order."""

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # SQLite does not wait for the change of its journal's mode
            self._database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_TABLES)
        server = self._server = _Listener((self._host, self._port), _handler(self))
        self._port = server.server_address[1]
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.drop_connections()
            self._server.server_close()
            self._thread.join()
            self._database.close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def handle(self, method: str, path: str, query: dict[str, str], token: str | None, body: bytes) -> Answer:
        if path == "/health":
            return 200, json.dumps({"name": "influxdb", "status": "pass", "version": "v2.7.0"}).encode(), "application/json"
        if path == "/ping":
            return 204, b"", "text/plain"
        if token not in (TOKEN, READER):
            raise Refusal(401, "unauthorized access")
        routes: dict[tuple[str, str], Route] = {
            ("GET", "/api/v2/orgs"): self._orgs,
            ("GET", "/api/v2/buckets"): self._buckets,
            ("POST", "/api/v2/buckets"): self._make_bucket,
            ("POST", "/api/v2/write"): self._write,
            ("POST", "/api/v2/query"): self._query,
            ("POST", "/api/v2/delete"): self._delete,
        }
        with self._guard:
            self.requests.append((method, path))
            if self.refusals:
                raise self.refusals.pop(0)
            if (method, path) not in routes:
                raise Refusal(404, "path not found")
            return routes[method, path](query, token, body)

    def _orgs(self, query: dict[str, str], token: str, _body: bytes) -> Answer:
        _require_org(query)
        orgs = [{"id": ORG_ID, "name": ORG}] if token == TOKEN else []
        return 200, json.dumps({"orgs": orgs}).encode(), "application/json"

    def _buckets(self, query: dict[str, str], _token: str, _body: bytes) -> Answer:
        _require_org(query)
        rows = self._database.execute("SELECT id, name, seconds FROM buckets WHERE name = ?", (query.get("name"),)).fetchall()
        # the real server lists its own buckets whatever was asked for
        found = [_bucket("task-id", "_tasks", 259_200), *(_bucket(*row) for row in rows)]
        return 200, json.dumps({"buckets": found}).encode(), "application/json"

    def _make_bucket(self, _query: dict[str, str], token: str, body: bytes) -> Answer:
        if token != TOKEN:
            raise Refusal(401, f"write:orgs/{ORG_ID}/buckets is unauthorized")
        wanted = json.loads(body)
        if wanted.get("orgID") != ORG_ID:
            raise Refusal(400, "organization id must be provided")
        seconds = next((rule["everySeconds"] for rule in wanted.get("retentionRules", [])), 0)
        if seconds and seconds < 3600:
            raise Refusal(422, "bucket retention period must be at least 1h0m0s")
        try:
            identifier = f"{zlib.crc32(wanted['name'].encode()):016x}"
            self._database.execute("INSERT INTO buckets VALUES (?, ?, ?)", (identifier, wanted["name"], seconds))
        except sqlite3.IntegrityError:
            raise Refusal(422, f"bucket with name {wanted['name']} already exists") from None
        return 201, json.dumps(_bucket(identifier, wanted["name"], seconds)).encode(), "application/json"

    def _write(self, query: dict[str, str], token: str, body: bytes) -> Answer:
        _require_org(query)
        bucket, seconds = self._required_bucket(query.get("bucket"))
        if token != TOKEN:
            raise Refusal(403, "insufficient permissions for write")
        if (unit := _UNITS.get(query.get("precision", "ns"))) is None:
            raise Refusal(400, "invalid precision; valid precision units are ns, us, ms, and s")
        points = list(_points(body.decode(), unit))
        oldest = time.time_ns() - seconds * 1_000_000_000 if seconds else -(2**63)
        taken = [point for point in points if point[3] >= oldest]
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for measurement, field, kind in {(point[0], point[2], type(point[4]).__name__) for point in taken}:
                self._require_kind(bucket, measurement, field, kind)
            self._database.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?)", ((bucket, *point) for point in taken))
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        if dropped := len({point[1:4:2] for point in points}) - len({point[1:4:2] for point in taken}):
            raise Refusal(
                422,
                f"failure writing points to database: partial write: dropped {dropped} points outside retention policy of duration "
                f"{seconds // 3600}h0m0s dropped={dropped}",
            )
        return 204, b"", "text/plain"

    def _query(self, query: dict[str, str], _token: str, body: bytes) -> Answer:
        _require_org(query)
        asked = json.loads(body)
        if asked.get("dialect") != {"header": True, "delimiter": ",", "annotations": [], "commentPrefix": "#", "dateTimeFormat": "RFC3339"}:
            raise Refusal(400, f"unknown dialect {asked.get('dialect')}")
        params = {}
        for statement in asked["extern"]["body"]:
            assignment = statement["assignment"]
            params[assignment["id"]["name"]] = _literal(assignment["init"])
        try:
            answer = flux.csv_of(flux.run(asked["query"], params, self._series))
        except flux.FluxError as problem:
            raise Refusal(400, f"compilation failed: {problem}") from problem
        return 200, answer.encode(), "text/csv; charset=utf-8"

    def _delete(self, query: dict[str, str], token: str, body: bytes) -> Answer:
        _require_org(query)
        asked = json.loads(body)
        bucket, _ = self._required_bucket(query.get("bucket"))
        if token != TOKEN:
            raise Refusal(403, "insufficient permissions to delete")
        if (found := re.fullmatch(r'_measurement="(\w+)"', asked.get("predicate", ""))) is None:
            raise Refusal(400, "invalid request; error parsing predicate")
        bounds = (flux.nanoseconds(asked["start"]), flux.nanoseconds(asked["stop"]))
        # both ends belong to what is deleted
        self._database.execute(
            "DELETE FROM points WHERE bucket = ? AND measurement = ? AND time BETWEEN ? AND ?", (bucket, found[1], *bounds)
        )
        return 204, b"", "text/plain"

    def _series(self, bucket_name: str, start: int, stop: int, wanted: dict[str, Any]) -> Iterable[flux.Table]:
        bucket, _ = self._required_bucket(bucket_name)
        rows = self._database.execute(
            "SELECT measurement, tags, field, time, value FROM points WHERE bucket = ? AND measurement = ? AND time >= ? AND time < ?"
            " AND field = coalesce(?, field) ORDER BY measurement, tags, field, time",
            (bucket, wanted["_measurement"], start, stop, wanted.get("_field")),
        )
        bounds = {"_start": flux.Moment(start), "_stop": flux.Moment(stop)}
        tables: list[flux.Table] = []
        for (measurement, tags, field), points in groupby(rows, key=lambda row: row[:3]):
            key = {**bounds, "_field": field, "_measurement": measurement, **json.loads(tags)}
            if all(key.get(name) == value for name, value in wanted.items()):
                tables.append(flux.Table(key, [{**key, "_time": flux.Moment(row[3]), "_value": row[4]} for row in points]))
        return tables

    def _required_bucket(self, name: str | None) -> tuple[str, int]:
        row = self._database.execute("SELECT id, seconds FROM buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise Refusal(404, f'bucket "{name}" not found')
        return row

    def _require_kind(self, bucket: str, measurement: str, field: str, kind: str) -> None:
        self._database.execute("INSERT OR IGNORE INTO kinds VALUES (?, ?, ?, ?)", (bucket, measurement, field, kind))
        (known,) = self._database.execute(
            "SELECT kind FROM kinds WHERE (bucket, measurement, field) = (?, ?, ?)", (bucket, measurement, field)
        ).fetchone()
        if known != kind:
            raise Refusal(
                422,
                f'failure writing points to database: partial write: field type conflict: input field "{field}" on measurement '
                f'"{measurement}" is type {kind}, already exists as type {known} dropped=1',
            )


def _require_org(query: dict[str, str]) -> None:
    if query.get("org") != ORG:
        raise Refusal(404, f'organization name "{query.get("org")}" not found')


def _bucket(identifier: str, name: str, seconds: int) -> dict[str, object]:
    rules = [{"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 86_400}] if seconds else []
    return {"id": identifier, "orgID": ORG_ID, "type": "user", "name": name, "retentionRules": rules}


def _points(text: str, unit: int) -> Iterator[tuple[str, str, str, int, object]]:
    """Measurement, tags, field, nanoseconds and value of each field of each line."""
    at = 0
    while at < len(text):
        if (line := _LINE.match(text, at)) is None:
            raise Refusal(400, f"unable to parse '{text[at : at + 80].splitlines()[0]}': invalid field format")
        tags = json.dumps(dict(sorted(pair.split("=") for pair in line[2].split(",")[1:])))
        # a point without a time gets the server's, as coarse as the request says
        moment = (int(line[4]) if line[4] else time.time_ns() // unit) * unit
        for field in re.finditer(_FIELD, line[3]):
            name, value = field[0].split("=", 1)
            yield line[1], tags, name, moment, _parsed(value)
        at = line.end()


def _parsed(value: str) -> object:
    if value.startswith('"'):
        if len(value) > LONGEST_TEXT:
            raise Refusal(400, "unable to parse: string field value too long, 65536 > 64KB")
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return int(value[:-1]) if value.endswith("i") else float(value)


def _literal(literal: Any) -> object:
    match literal["type"]:
        case "StringLiteral":
            return literal["value"]
        case "IntegerLiteral":
            return int(literal["value"])
        case "DateTimeLiteral":
            return flux.nanoseconds(literal["value"])
        case kind:
            raise Refusal(400, f"unknown literal {kind}")


class _Listener(ThreadingHTTPServer):
    """Open connections end with the server, as they do when a process ends."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for connection in list(self._open):
            self.shutdown_request(connection)


def _handler(server: InfluxServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece

        def _answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
            headers: dict[str, str] = {}
            try:
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                status, said, kind = server.handle(self.command, url.path, query, token if scheme == "Token" else None, body)
            except Refusal as problem:
                status, kind, headers = problem.status, "application/json; charset=utf-8", problem.headers
                said = json.dumps({"code": "not found" if status == 404 else "error", "message": problem.message}).encode()
            if status == 200 and self.headers.get("Accept-Encoding") == "gzip":
                said, headers = gzip.compress(said), {"Content-Encoding": "gzip"}
            self.send_response(status)
            for name, value in {"Content-Type": kind, "X-Influxdb-Version": "v2.7.0", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            if status != 204:
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if status != 204:
                self.wfile.write(said)

        do_GET = do_POST = _answer  # noqa: N815  # the names that the library calls

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def serving(folder: Path) -> Iterator[InfluxServer]:
    """A server on a port of its own."""
    with InfluxServer(folder) as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="another address than this machine's own is for a container alone")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with InfluxServer(options.folder, host=options.host, port=options.port) as server:
        print(f"listening on {server.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
