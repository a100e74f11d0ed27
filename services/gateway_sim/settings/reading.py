"""From a file to a configuration: every problem of it at once, each with its path and remedy."""

import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.gateway_sim.settings.configuration import SECTIONS, GatewayConfiguration
from shared.domain.errors import InvalidValueError
from shared.runtime.cli import ProblemsError, UsageError

LONGEST_BYTES = 1_000_000
_SHOWN = 60
"""Characters of a wrong value."""

_OURS: dict[str, Any] = {
    **dict.fromkeys(("site_id", "region", "timezone", "holiday_calendar", "weather_file", "sites", "faults"), True),
    "solar": {"longitude", "tilt_degrees", "azimuth_degrees", "inverter_kw", "soiling", "snow"},
    "battery": {"chemistry", "control", "standby_w"},
    "grid_price": {"currency"},
}
"""Fields that a generated configuration leaves to their defaults: it has the customer's shape exactly."""

Check = Callable[[GatewayConfiguration], object]
"""Raises `InvalidValueError` for a field whose value must be looked up elsewhere."""


class _Object(dict[str, Any]):
    """A JSON object that knows which of its names were written twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(name for name, _ in pairs)
        self.repeated = [name for name in self if times[name] > 1]


def read_configuration(path: Path, *, check: Check = lambda _configuration: None) -> GatewayConfiguration:
    """The configuration in a file. Raises `UsageError` that lists every problem with its path and remedy."""
    document = _document(path)
    errors: list[Any] = []
    try:
        GatewayConfiguration.model_validate(document)
    except ValidationError as failure:
        errors = failure.errors()
    fields = document if isinstance(document, _Object) else _Object(())
    wrong = {error["loc"][0] for error in errors if error["loc"]}
    right = GatewayConfiguration.model_validate({name: value for name, value in fields.items() if name not in wrong})
    found = [*_repeated(fields), *map(_problem, errors), *_contradictions(fields), *_checked(right, check)]
    if problems := list(dict.fromkeys(found)):
        raise ProblemsError(f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}; correct and start again:", problems)
    return right


def write_configuration(path: Path) -> None:
    """A new file with every field of the customer's and its default. Raises `UsageError` when there is one already."""
    text = json.dumps(GatewayConfiguration().model_dump(mode="json", exclude=_OURS), indent=2)
    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text + "\n")
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left as it is; name a new file with --config, or remove it") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be written ({problem.strerror}); name a file in a writable folder") from None


def _document(path: Path) -> Any:
    example = "write a valid example with --generate-config --config FILE"
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise UsageError(f"{path} is a folder or a device; give the path of a configuration file")
        with path.open("rb") as file:
            content = file.read(LONGEST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"no file {str(path)!r}; write one with --generate-config --config {path}") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror}); give the path of a readable file") from None
    if len(content) > LONGEST_BYTES:
        raise UsageError(f"{path} is longer than {LONGEST_BYTES:,} bytes and so no configuration; {example}")
    try:
        return _of_text(json.loads(content, object_pairs_hook=_Object))
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply for a configuration; {example}") from None
    except ValueError as problem:  # not JSON, not UTF-8, or a number of thousands of digits
        raise UsageError(f"{path} is not JSON ({problem}); {example}") from None


def _of_text(document: Any) -> Any:
    """The document. Raises `ValueError` for half a character, which JSON can escape but which is no text."""
    json.dumps(document, ensure_ascii=False).encode()
    return document


def _repeated(fields: _Object) -> Iterator[str]:
    for path, section in (("", fields), *((f"{name}.", fields.get(name)) for name in SECTIONS)):
        if isinstance(section, _Object):
            yield from (f"{path}{name}: is written more than once; keep one" for name in section.repeated)


def _contradictions(fields: _Object) -> Iterator[str]:
    """Between the fields of a section, also where another of its fields is wrong by itself."""
    for name, section in SECTIONS.items():
        if isinstance(written := fields.get(name), _Object):
            yield from (f"{name}: {text}" for text in section.contradictions(written))


def _checked(right: GatewayConfiguration, check: Check) -> Iterator[str]:
    try:
        check(right)
    except InvalidValueError as problem:
        yield f"{problem.name} is {_shown(problem.value)}: {problem.remedy}"


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{where}: is no known field; {_remedy(error['loc'])}"
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        return f"{where} is {_shown(error['input'])}: {cause.remedy}"
    text = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be").replace("Input should", "must")
    if error["type"] == "model_type":
        text = "must be a JSON object of fields in braces"
    value = "" if isinstance(error["input"], dict) else f" is {_shown(error['input'])}"
    return f"{where}{value}: {text}"


def _shown(value: object) -> str:
    """As JSON writes it, shortened."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float | None) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _remedy(location: tuple[Any, ...]) -> str:
    """The nearest known name, or all that are known in this place."""
    model = SECTIONS.get(str(location[0]), GatewayConfiguration) if len(location) > 1 else GatewayConfiguration
    near = get_close_matches(str(location[-1]), model.model_fields, n=1)
    return f"did you mean {near[0]}?" if near else f"remove it or correct its name (known are {', '.join(model.model_fields)})"
