"""The use cases of features: build tables, whole or what changed, of one site or of many together; tell how they stand."""

from services.features.service.building import FeatureService, Prepared
from services.features.service.due import HORIZON, STEP
from services.features.service.results import FeatureStatus, TableBuilt

__all__ = ["HORIZON", "STEP", "FeatureService", "FeatureStatus", "Prepared", "TableBuilt"]
