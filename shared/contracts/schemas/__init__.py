"""JSON schemas of everything on the wire, generated from the models, committed beside this file, and compared by a test.

`python -m shared.contracts.schemas` writes them again.
"""

import json
from pathlib import Path

from shared.contracts.base import Wire
from shared.contracts.envelope import Envelope
from shared.contracts.evaluations import EvaluationDocument
from shared.contracts.events import EVENTS
from shared.contracts.forecasts import ForecastDocument
from shared.contracts.optimization import PlanDocument, ProblemDocument
from shared.contracts.readings import ReadingDocument
from shared.contracts.savings import SavingsDocument
from shared.contracts.schedules import ScheduleDocument
from shared.contracts.sites import SiteDocument, TariffDocument

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"

MODELS: dict[str, type[Wire]] = {
    "envelope": Envelope,
    "evaluation": EvaluationDocument,
    "forecast": ForecastDocument,
    "plan": PlanDocument,
    "problem": ProblemDocument,
    "reading": ReadingDocument,
    "savings": SavingsDocument,
    "schedule": ScheduleDocument,
    "site": SiteDocument,
    "tariff": TariffDocument,
    **EVENTS,
}
"""Every model that crosses a border by itself, by the name of its schema; events by their type."""


def generate() -> dict[str, str]:
    """The text of each schema file, by file name."""
    return {
        f"{name}.json": json.dumps({"$schema": DIALECT, **model.model_json_schema()}, indent=2, ensure_ascii=False) + "\n"
        for name, model in MODELS.items()
    }


def write(folder: Path = FOLDER) -> list[str]:
    """Write every schema and delete those of models that are no more; returns the names of files that changed."""
    texts = generate()
    gone = [path for path in folder.glob("*.json") if path.name not in texts]
    changed = [name for name, text in texts.items() if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text]
    for path in gone:
        path.unlink()
    for name in changed:
        (folder / name).write_text(texts[name], "utf-8")
    return sorted([*changed, *(path.name for path in gone)])
