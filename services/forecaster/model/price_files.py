"""A price model as files: the trees as UBJSON, everything else as JSON."""

import json
from collections.abc import Mapping

import numpy as np
import xgboost

from services.forecaster.model.calibration import Calibration
from services.forecaster.model.price import Fitted, PriceModel
from services.forecaster.model.price_parts import Parts, parts_from
from services.forecaster.model.quantile import UnreadableModelError

WORDS_FILE = "price.json"
PLAIN_FILE, INFORMED_FILE = "price_plain.ubj", "price_informed.ubj"
FORMAT = 1


def to_files(model: PriceModel) -> dict[str, bytes]:
    """Bytes by file name."""
    informed = model.fitted.informed
    words = {
        "format": FORMAT,
        "exogenous": model.exogenous,
        "trees_share": model.trees_share,
        "floor": model.floor,
        "calibrations": [{"levels": each.levels, "multipliers": each.multipliers.tolist()} for each in model.calibrations],
        "plain": model.fitted.plain.to_words(),
        "informed": informed.to_words() if informed else None,
    }
    files = {WORDS_FILE: json.dumps(words, sort_keys=True).encode(), PLAIN_FILE: _trees(model.fitted.plain)}
    return {**files, INFORMED_FILE: _trees(informed)} if informed else files


def from_files(files: Mapping[str, bytes]) -> PriceModel:
    """The model that `to_files` wrote. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"price model format is {words['format']!r}: this program reads {FORMAT}; train again")
        plain = parts_from(words["plain"], files[PLAIN_FILE])
        informed = parts_from(words["informed"], files[INFORMED_FILE]) if words["informed"] else None
        return PriceModel(
            exogenous=tuple(words["exogenous"]),
            fitted=Fitted(informed=informed, plain=plain),
            trees_share=float(words["trees_share"]),
            floor=float(words["floor"]),
            calibrations=tuple(
                Calibration(levels=tuple(each["levels"]), multipliers=np.array(each["multipliers"])) for each in words["calibrations"]
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"{WORDS_FILE} or its trees cannot be read ({type(problem).__name__}); train again") from problem


def _trees(parts: Parts) -> bytes:
    return bytes(parts.trees.booster.save_raw("ubj"))
