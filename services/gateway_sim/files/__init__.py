"""Readings as people see and keep them: JSON lines, CSV and Parquet, of one home or of a thousand."""
