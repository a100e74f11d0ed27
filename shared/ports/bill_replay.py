"""What forecasts are worth in money: planning with them, replayed on what really happened."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.domain.forecast import Forecast
from shared.domain.time import Interval
from shared.ports.errors import SupplierError


class NoMoneyError(SupplierError):
    """Better forecasts would not change this site's bill; the text says why."""


class BillReplay(Protocol):
    """A site's planning, by forecasts that were not issued."""

    def daily_costs(self, *, site_id: str, interval: Interval, runs: Mapping[str, Sequence[Forecast]]) -> Mapping[str, NDArray[np.float64]]:
        """Bill and wear of each whole day of a past interval, by the name of the run whose forecasts were planned with.

        Shape (days,), in the tariff's currency, what is left in the battery valued. A plan is made at each moment of issue and knows
        the forecasts that its run had issued by then; a target that a run has none of is planned by recent days. All runs start
        alike. Raises `NoMoneyError`.
        """
        ...
