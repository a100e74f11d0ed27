"""What `benchmarks/forecast.py` measures: sets of homes and plants, rivals, ours, scores and tables."""
