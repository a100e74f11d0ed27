"""Train and evaluate forecast models: `python run_model_training.py --help`."""

import sys

from shared.runtime.start import start

if __name__ == "__main__":
    sys.exit(start("services.embedded.forecasting"))
