"""Prices of public suppliers and of files, as one feed."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking
from shared.adapters.feeds.kept import Kept
from shared.adapters.feeds.turns import Turns
from shared.adapters.prices.agile import Agile
from shared.adapters.prices.awattar import Awattar
from shared.adapters.prices.energy_charts import EnergyCharts
from shared.adapters.prices.entsoe import Entsoe
from shared.adapters.prices.feed import SuppliedPrices
from shared.adapters.prices.file import NAME, PriceFiles
from shared.adapters.prices.supplier import PriceSupplier

__all__ = ["SuppliedPrices", "price_feed"]


def price_feed(
    asking: Asking,
    *,
    folder: Path,
    urls: Mapping[str, str],
    entsoe_token: SecretStr | None,
    files: Path | None,
    sleep: Callable[[float], None] = time.sleep,
) -> SuppliedPrices:
    """The feed of all suppliers. `folder` keeps answers, `urls` beats where a supplier is asked, `files` bounds where files may lie,
    `sleep` is how the next turn is waited for."""

    def at(name: str) -> dict[str, str]:
        return {"base": urls[name]} if name in urls else {}

    suppliers: list[PriceSupplier] = [
        Agile(asking, **at(Agile.name)),
        Awattar(asking, **at(Awattar.name)),
        EnergyCharts(asking, **at(EnergyCharts.name)),
        Entsoe(asking, entsoe_token, **at(Entsoe.name)),
    ]
    return SuppliedPrices(
        {supplier.name: supplier for supplier in suppliers},
        kept=Kept(folder),
        turns={supplier.name: Turns(folder, supplier.name, apart=supplier.apart, sleep=sleep) for supplier in suppliers},
        others={NAME: PriceFiles(files)},
    )
