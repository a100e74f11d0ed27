"""Features to forecasts. Consumes built tables and training requests; reads features; writes models and forecasts;
produces published forecast runs and completed trainings.
"""
