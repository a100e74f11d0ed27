"""What was done to readings: a label for every difference between what happened and what was delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.faults import Kind
from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.reading import VALUE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

ROW, STAMP, DELAY = "row", "timestamp", "delay_seconds"
LABEL_FIELDS: tuple[str, ...] = (*VALUE_COLUMNS, ROW, STAMP, DELAY)
"""What can differ: a value, whether the row is there (or there again), its time stamp, how late it came."""
LABEL_KINDS: tuple[Kind, ...] = tuple(Kind)
LABEL_COLUMNS = ("site_id", "device_id", "timestamp", "delivered_timestamp", "field", "kind", "true_value", "delivered_value")
NEVER_US = int(np.iinfo(np.int64).min)
"""The delivered time of what was not delivered: NaT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLabels:
    """Labels of one device, each array of shape (labels,), sorted by true time, then field."""

    site_id: str
    device_id: str
    timestamp_us: Integers
    """True."""
    delivered_us: Integers
    """The time stamp as delivered; `NEVER_US` for a gap."""
    field: Integers
    """Index in `LABEL_FIELDS`."""
    kind: Integers
    """Index in `LABEL_KINDS`."""
    true_value: Floats
    """NaN for what is no number."""
    delivered_value: Floats

    def __len__(self) -> int:
        return len(self.timestamp_us)

    def frame(self) -> "pd.DataFrame":
        """`LABEL_COLUMNS`, for a side file."""
        import pandas as pd

        text = pd.StringDtype(na_value=np.nan)
        return pd.DataFrame(
            {
                "site_id": pd.array([self.site_id], dtype=text).repeat(len(self)),
                "device_id": pd.array([self.device_id], dtype=text).repeat(len(self)),
                "timestamp": _stamps(self.timestamp_us),
                "delivered_timestamp": _stamps(self.delivered_us),
                "field": pd.array(LABEL_FIELDS, dtype=text).take(self.field),
                "kind": pd.array([kind.value for kind in LABEL_KINDS], dtype=text).take(self.kind),
                "true_value": self.true_value,
                "delivered_value": self.delivered_value,
            }
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Differences of one kind in one field, each array of shape (differences,)."""

    kind: Kind
    field: str
    timestamp_us: Integers
    delivered_us: Integers
    true_value: Floats
    delivered_value: Floats

    @classmethod
    def of_rows(cls, kind: Kind, field: str, timestamp_us: Integers, delivered_us: Integers, delivered: Floats | None = None) -> "Found":
        """Of whole rows, whose true value is nothing (or, of a delay, zero)."""
        none = np.full(len(timestamp_us), np.nan)
        true = none if delivered is None else np.zeros(len(timestamp_us))
        return cls(kind, field, timestamp_us, delivered_us, true, none if delivered is None else delivered)


def labels_of(site_id: str, device_id: str, found: Sequence[Found]) -> FaultLabels:
    """Differences as labels, in order."""
    columns = [np.concatenate([getattr(one, name) for one in found]) if found else np.zeros(0) for name in Found.__slots__[2:]]
    timestamp, delivered, true_value, delivered_value = columns
    field = _codes([LABEL_FIELDS.index(one.field) for one in found], found)
    kind = _codes([LABEL_KINDS.index(one.kind) for one in found], found)
    order = np.lexsort((kind, field, timestamp))
    return FaultLabels(
        site_id=site_id,
        device_id=device_id,
        timestamp_us=timestamp[order].astype(np.int64),
        delivered_us=delivered[order].astype(np.int64),
        field=field[order],
        kind=kind[order],
        true_value=true_value[order],
        delivered_value=delivered_value[order],
    )


def _codes(codes: list[int], found: Sequence[Found]) -> NDArray[np.int64]:
    return np.repeat(np.array(codes, dtype=np.int64), [len(one.timestamp_us) for one in found])


def _stamps(instants_us: Integers) -> "pd.DatetimeIndex":
    import pandas as pd

    return pd.DatetimeIndex(instants_us.astype("datetime64[us]")).tz_localize("UTC")
