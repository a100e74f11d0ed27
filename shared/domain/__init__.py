"""The vocabulary: sites, readings, tariffs, forecasts, schedules, with their units and signs.

Frozen, slotted, keyword-only dataclasses that validate themselves; standard library and numpy only.
"""
