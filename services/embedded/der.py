"""The console script `der`."""

from shared.runtime.start import start


def der() -> int:
    """Returns the exit status."""
    return start("services.embedded.main")
