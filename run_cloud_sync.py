"""Copy readings from the edge store to the cloud store: `python run_cloud_sync.py --help`."""

import sys

from services.sync.main import cli

if __name__ == "__main__":
    sys.exit(cli())
