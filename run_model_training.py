"""Train and evaluate forecast models: `python run_model_training.py --help`."""

import sys

from services.forecaster.main import cli

if __name__ == "__main__":
    sys.exit(cli())
