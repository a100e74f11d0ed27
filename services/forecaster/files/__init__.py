"""Files that the forecaster writes for people."""
