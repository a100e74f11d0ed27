"""Feature rows of many sites in one frame."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SITES = 100
"""In a frame: about a hundred thousand rows of a week."""

Document = TypeVar("Document")


def batches(newest: Sequence[tuple[str, int, Document]]) -> Iterator[tuple[Document, list[tuple[str, int]]]]:
    """Sites with the number and the document of their catalogs, sorted, as stretches of at most `SITES` with one document."""
    for document, rows in groupby(newest, key=itemgetter(2)):
        sites = [(site_id, number) for site_id, number, _ in rows]
        for begin in range(0, len(sites), SITES):
            yield document, sites[begin : begin + SITES]


def frame_of_sites(frame: pd.DataFrame, site_ids: Sequence[str], of_row: NDArray[np.int64], columns: Sequence[str] | None) -> pd.DataFrame:
    """Rows with the site that each belongs to, by its place among the ids, and the wanted columns (None: all)."""
    chosen = frame if columns is None else frame.reindex(columns=["timestamp", *columns])
    chosen.insert(0, "site_id", pd.Series(np.array(site_ids, dtype=object)[of_row], dtype="str", index=chosen.index))
    return chosen
