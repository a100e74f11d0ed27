"""The pure room of the forecaster: series, design matrix, baselines, quantile trees, calibration, test, gate, fallbacks, hindcasts."""
