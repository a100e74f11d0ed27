"""InfluxDB 2 as an edge store."""

from shared.adapters.distributed.influx.connection import Patience
from shared.adapters.distributed.influx.store import InfluxEdgeStore

__all__ = ["InfluxEdgeStore", "Patience"]
