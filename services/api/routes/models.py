"""Models: which serves, since when and why, and how good it was on days that it had not seen."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.routes import examples
from services.api.routes.context import READS, Needs, answers
from services.api.routes.forecasts import TargetQuery
from services.api.routes.schemas import DriftDocument, ModelDocument, ModelList, PoolDocument, PromotionDocument
from services.api.routes.strict import StrictRoute
from shared.ports.model_store import ModelManifest

router = APIRouter(prefix="/v1/models", tags=["forecasts"], route_class=StrictRoute)

MOST_PROMOTIONS = 100


@router.get(
    "", operation_id="list_models", summary="See which model serves and how good it is", responses=answers(examples.MODELS, 404, *READS)
)
def list_models(needs: Needs, site_id: Annotated[str, Query(description="the site")], target: TargetQuery) -> ModelList:
    """The versions of a target, the one that serves, and its rolling-origin evaluation: skill over every baseline, by lead time
    and local hour, and the calibration of its quantiles.

    All of it was computed when the model was trained; nothing is computed here.
    """
    found = needs.service.models(site_id=site_id, target=target)
    return ModelList(
        site_id=site_id,
        target=target,
        champion=found.champion,
        items=[
            ModelDocument(
                model_version=manifest.model_version,
                model_name=manifest.model_name,
                trained_at=manifest.trained_at,
                data_start=manifest.data_start,
                data_end=manifest.data_end,
                catalog_version=manifest.catalog_version,
                features=list(manifest.features),
                metrics=dict(manifest.metrics),
            )
            for manifest in found.versions
        ],
        promotions=[
            PromotionDocument(model_version=each.model_version, promoted_at=each.promoted_at, reason=each.reason)
            for each in found.promotions[-MOST_PROMOTIONS:]
        ],
        pool=_pool(found.pool) if found.pool else None,
        drift=DriftDocument(watched_at=found.watch.updated_at, alarm=found.watch.last_error) if found.watch else None,
        evaluation=found.evaluation,
    )


def _pool(manifest: ModelManifest) -> PoolDocument:
    return PoolDocument(
        model_version=manifest.model_version,
        trained_at=manifest.trained_at,
        data_end=manifest.data_end,
        sites=int(manifest.metrics.get("sites", 0)),
    )
