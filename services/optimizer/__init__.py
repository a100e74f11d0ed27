"""Forecasts to schedules. Consumes published forecasts and planning requests; reads forecasts, prices, tariffs,
readings; writes schedules and savings; produces published schedules.
"""
