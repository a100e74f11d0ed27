"""The use cases of a gateway: record and announce at its own store, copy to a store on a server."""

from services.gateway_sim.service.gateway import (
    LONGEST_SILENCE,
    PIECE,
    Announced,
    GatewayService,
    Recorded,
    site_of,
    tariff_of,
)
from services.gateway_sim.service.mirror import Mirrored, MirrorService

__all__ = [
    "LONGEST_SILENCE",
    "PIECE",
    "Announced",
    "GatewayService",
    "MirrorService",
    "Mirrored",
    "Recorded",
    "site_of",
    "tariff_of",
]
