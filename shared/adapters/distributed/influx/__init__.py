"""InfluxDB 2 as an edge store."""

from shared.adapters.distributed.influx.announcements import InfluxAnnouncements
from shared.adapters.distributed.influx.connection import Patience
from shared.adapters.distributed.influx.store import InfluxEdgeStore

__all__ = ["InfluxAnnouncements", "InfluxEdgeStore", "Patience"]
