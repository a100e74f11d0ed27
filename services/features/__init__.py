"""Readings to features. Consumes completed windows; reads readings, prices, tariffs; writes feature tables; produces built tables."""
