"""Reads a person's file of measurements: CSV, Parquet and the gateway's JSON lines, in any layout a home has.

`table` finds rows and columns, `names` and `roles` say what a column means, `choice` picks the columns, `moments`, `date_parts` and
`local_time` read the time, `numbers` the values, `power` and `signs` bring them to kW and to our signs, `reader` is the whole.
"""

from shared.adapters.home_file.reader import HomeFiles

__all__ = ["HomeFiles"]
