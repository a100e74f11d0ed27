"""Batteries of real homes, replayed with forecasts as they would have been served."""
