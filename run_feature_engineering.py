"""Build features from readings: `python run_feature_engineering.py --help`."""

import sys

from services.features.main import cli

if __name__ == "__main__":
    sys.exit(cli())
