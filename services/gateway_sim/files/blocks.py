"""Readings as bytes that another process makes arrays of again."""

import numpy as np
import orjson

from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import VALUE_COLUMNS


def packed(arrays: ReadingArrays) -> bytes:
    """Arrays as bytes: names and count, then each column, eight bytes for a value."""
    head = orjson.dumps([arrays.site_id, arrays.device_id, len(arrays)])
    stamps, periods = arrays.timestamp.astype("<M8[us]", copy=False), arrays.period.astype("<i8", copy=False)
    values = [arrays.values[name].astype("<f8", copy=False) for name in VALUE_COLUMNS]
    return b"".join([len(head).to_bytes(8, "little"), head, *(column.tobytes() for column in (stamps, periods, *values))])


def unpacked(block: bytes) -> ReadingArrays:
    """The inverse of `packed`, bit for bit."""
    start = 8 + int.from_bytes(block[:8], "little")
    site_id, device_id, count = orjson.loads(block[8:start])
    words = np.frombuffer(block, dtype="<i8", offset=start).reshape(2 + len(VALUE_COLUMNS), count)
    values = dict(zip(VALUE_COLUMNS, words[2:].view("<f8"), strict=True))
    return ReadingArrays(site_id=site_id, device_id=device_id, timestamp=words[0].view("<M8[us]"), values=values, period=words[1])
