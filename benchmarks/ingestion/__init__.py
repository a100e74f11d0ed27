"""What `ingest.py` drives: gateways that publish, the platform that stores, and the same with nothing around the two servers."""

import sys
from pathlib import Path

# the private servers are those of the tests, which are no installed package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
