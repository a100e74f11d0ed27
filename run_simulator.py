"""Simulate a gateway: `python run_simulator.py --help`."""

import sys

from services.gateway_sim.main import cli

if __name__ == "__main__":
    sys.exit(cli())
