"""Build features from readings: `python run_feature_engineering.py --help`."""

import sys

from shared.runtime.start import start

if __name__ == "__main__":
    sys.exit(start("services.features.main"))
