"""An example of every event, for documents that people read: a quarter of an hour at one home."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.envelope import Envelope
from shared.contracts.events import EVENTS
from shared.domain.forecast import Target
from shared.domain.job import JobKind

_MOMENT = datetime(2024, 6, 15, 14, 30, tzinfo=UTC)
_READING: dict[str, Any] = {
    "timestamp": _MOMENT,
    "device_id": "edge-gateway-001",
    "solar": {"generation_kw": 7.5, "irradiance_w_m2": 900.0, "panel_temp_celsius": 40.0, "efficiency_percent": 17.5},
    "battery": {
        "soc_percent": 65.0, "capacity_kwh": 13.5, "power_kw": 2.0, "voltage_v": 51.5, "temperature_celsius": 30.0,
        "cycles": 200, "health_percent": 97.0,
    },
    "home_load": {
        "total_load_kw": 3.5, "hvac_kw": 1.5, "appliances_kw": 1.0, "lighting_kw": 0.3, "ev_charging_kw": 0.0, "other_kw": 0.7,
    },
    "grid_price": {
        "price_per_kwh": 0.28, "feed_in_tariff": 0.08, "demand_charge": 10.0, "time_of_use_period": "peak", "carbon_intensity_g_kwh": 380.0,
    },
    "net_grid_flow_kw": -2.0,
}  # fmt: skip
_SLOT = {"site_id": "home", "start": _MOMENT, "end": _MOMENT + timedelta(minutes=15)}
_STAMP = "20240615T143000Z"

BODIES: dict[str, dict[str, Any]] = {
    "telemetry.reading.recorded.v1": {"site_id": "home", "readings": [_READING]},
    "telemetry.reading.recorded.v2": {
        "site_id": "home",
        "readings": {
            "timestamp": [_MOMENT.isoformat(), (_MOMENT + timedelta(minutes=5)).isoformat()],
            "device_id": ["edge-gateway-001", "edge-gateway-001"],
            "values": {"solar_generation_kw": [7.5, 7.3], "total_load_kw": [3.5, None], "battery_soc_percent": [65.0, 66.3]},
        },
    },
    "sync.window.completed.v1": {**_SLOT, "accepted": 3, "rejected": 0},
    "features.table.built.v1": {**_SLOT, "rows": 1, "catalog_version": "1"},
    "model.training.requested.v1": {"site_id": "home"},
    "model.training.completed.v1": {
        "site_id": "home", "target": Target.LOAD, "model_name": "quantile", "model_version": _STAMP, "promoted": True, "skill": 0.21,
    },
    "forecast.model.drifted.v1": {
        "site_id": "home", "target": Target.LOAD, "model_version": _STAMP, "still_serves": True,
        "alarm": "errors have grown: pinball 0.21 a day in the last days against 0.083 in the test",
    },
    "forecast.run.published.v1": {
        "site_id": "home", "issued_at": _MOMENT, "targets": [Target.LOAD, Target.SOLAR],
        "forecast_ids": [f"home.load.{_STAMP}", f"home.solar.{_STAMP}"],
    },
    "schedule.run.requested.v1": {"site_id": "home"},
    "schedule.run.published.v1": {
        "site_id": "home", "schedule_id": f"home.{_STAMP}", "issued_at": _MOMENT, "status": "optimal",
    },
    **{
        f"{kind}.batch.requested.v1": {"job_ids": [f"{job}:home:{_STAMP}", f"{job}:neighbour:{_STAMP}"]}
        for kind, job in (
            ("features", JobKind.FEATURES), ("model", JobKind.TRAINING), ("forecast", JobKind.FORECAST), ("schedule", JobKind.SCHEDULE),
        )
    },
}  # fmt: skip
"""What is said, by type."""


def envelope_of(event_type: str) -> Envelope:
    """The whole message."""
    event = EVENTS[event_type].model_validate(BODIES[event_type])
    return Envelope(
        id="0d9e6f6c-6d0b-4f43-9d6e-4a1f6e3c8f52",
        type=event_type,
        source="der",
        time=_MOMENT,
        correlationid="7f1c1f0e-0f6a-4d7b-8a52-2a6b1f1d9c11",
        data=event.model_dump(mode="json"),
    )
