"""A place on Earth, as coarse as weather is: rounded to a hundredth of a degree, about a kilometre."""

from dataclasses import dataclass
from typing import Self

from shared.domain.errors import require_between
from shared.domain.site import Site

_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Degrees north and east. Homes of one place share their weather, and nobody's door stands in a store of weather."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        require_between("latitude", self.latitude, -90.0, 90.0)
        require_between("longitude", self.longitude, -180.0, 180.0)
        for name in ("latitude", "longitude"):
            object.__setattr__(self, name, round(getattr(self, name), _DIGITS) + 0.0)  # no minus before zero

    @classmethod
    def of(cls, site: Site) -> Self | None:
        """Where a site is; None where that is not known."""
        if site.latitude is None or site.longitude is None:
            return None
        return cls(latitude=site.latitude, longitude=site.longitude)

    def __str__(self) -> str:
        """The key of a store, such as `52.52,13.41`."""
        return f"{self.latitude:.{_DIGITS}f},{self.longitude:.{_DIGITS}f}"
