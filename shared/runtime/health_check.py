"""`python -m shared.runtime.health_check [--alive | URL]`: ask the health page of this machine; exit status 0 when it is well.

For containers, which have neither curl nor a shell worth the name: standard library alone, so it starts in a moment.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

PATIENCE_SECONDS = 4.5
UNWELL, USAGE = 1, 2


def main(words: list[str]) -> int:
    """Returns the exit status; says on standard error what is wrong."""
    url = _url(words)
    try:
        parts = urlsplit(url or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme != "http":
        print(
            "health_check: set DER_HEALTH_PORT as the process has it, or name a URL such as http://127.0.0.1:8081/readyz", file=sys.stderr
        )
        return USAGE
    try:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
        connection.request("GET", parts.path or "/readyz")
        answer = connection.getresponse()
        said = answer.read(10_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as problem:
        print(f"{url} does not answer: {problem or type(problem).__name__}", file=sys.stderr)
        return UNWELL
    if answer.status != http.client.OK:
        print(f"{url} answers {answer.status}: {said}", file=sys.stderr)
        return UNWELL
    return 0


def _url(words: list[str]) -> str | None:
    if words and words[-1] != "--alive":
        return words[-1]
    port = os.environ.get("DER_HEALTH_PORT")
    host = os.environ.get("DER_HEALTH_HOST", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # what listens there
    return port and f"http://{f'[{host}]' if ':' in host else host}:{port}/{'healthz' if words else 'readyz'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
