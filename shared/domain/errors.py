"""The one exception of the vocabulary."""


class InvalidValueError(ValueError):
    """A value that cannot exist in this domain. Its text is one line: what, the value, and what would be right."""

    def __init__(self, name: str, value: object, remedy: str) -> None:
        self.name = name
        self.value = value
        self.remedy = remedy
        super().__init__(f"{name} is {value!r}: {remedy}")


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Raise `InvalidValueError` unless low <= value <= high (NaN never is)."""
    if not low <= value <= high:
        raise InvalidValueError(name, value, f"must be between {low:g} and {high:g}")


def require_at_least(name: str, value: float, low: float) -> None:
    """Raise `InvalidValueError` unless low <= value and value is finite."""
    if not (low <= value < float("inf")):
        raise InvalidValueError(name, value, f"must be a finite number of at least {low:g}")


def require_above(name: str, value: float, low: float) -> None:
    """Raise `InvalidValueError` unless low < value and value is finite."""
    if not (low < value < float("inf")):
        raise InvalidValueError(name, value, f"must be a finite number above {low:g}")


def require_identifier(name: str, value: str) -> None:
    """Raise `InvalidValueError` unless value is 1-64 letters, digits, `.`, `_` or `-`, beginning with one of the first two."""
    if not (0 < len(value) <= 64 and value[0].isalnum() and all(c.isascii() and (c.isalnum() or c in "._-") for c in value)):
        raise InvalidValueError(name, value, "must be 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit")
