"""Edge to cloud. Consumes recorded readings (live path) and sweeps the edge store; writes readings, sites, prices,
quarantine; produces completed windows.
"""
