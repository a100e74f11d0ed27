"""Simulate a gateway: `python run_simulator.py --help`."""

import sys

from shared.runtime.start import start

if __name__ == "__main__":
    sys.exit(start("services.gateway_sim.main"))
