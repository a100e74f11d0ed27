"""The gateway's configuration file: read with every problem named at once, or written with the customer's defaults."""

from services.gateway_sim.settings.configuration import DEFAULT_SEED, MOST_SITES, GatewayConfiguration
from services.gateway_sim.settings.reading import read_configuration, write_configuration

__all__ = ["DEFAULT_SEED", "MOST_SITES", "GatewayConfiguration", "read_configuration", "write_configuration"]
