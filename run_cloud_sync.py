"""Copy readings from the edge store to the cloud store: `python run_cloud_sync.py --help`."""

import sys

from shared.runtime.start import start

if __name__ == "__main__":
    sys.exit(start("services.sync.main"))
