"""One small, true-to-life example of each document. A test validates every one against its model."""

from typing import Any

Json = dict[str, Any]


def named(example: Json) -> dict[str, Json]:
    """One example in the form that OpenAPI wants for a request."""
    return {"example": {"value": example}}


SITE: Json = {
    "site_id": "home",
    "name": "A home by the lake",
    "timezone": "Europe/Berlin",
    "latitude": 47.66,
    "longitude": 9.17,
    "resolution": "PT15M",
    "battery": {
        "capacity_kwh": 13.5,
        "max_charge_rate_kw": 5.0,
        "max_discharge_rate_kw": 5.0,
        "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95,
        "min_soc": 10.0,
        "max_soc": 90.0,
        "wear_cost_per_kwh": None,
    },
    "solar": {"capacity_kw": 10.0, "tilt_degrees": 30.0, "azimuth_degrees": 180.0},
    "ev": None,
    "grid": {"max_import_kw": 17.0, "max_export_kw": None},
    "simulated": False,
    "live": True,
}

PATCHED_SITE: Json = SITE | {"battery": SITE["battery"] | {"min_soc": 20.0}}

TARIFF: Json = {
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "import_price": {
        "kind": "time_of_use",
        "periods": [
            {
                "name": "peak", "price_per_kwh": 0.4, "start": "17:00:00", "end": "21:00:00",
                "months": [], "weekdays": [0, 1, 2, 3, 4], "holidays": None,
            }
        ],
        "default_price_per_kwh": 0.25,
    },
    "export_price": {"kind": "flat", "price_per_kwh": 0.08},
    "demand_charge": None,
    "holiday_calendar": "DE-BW",
}  # fmt: skip

READING: Json = {
    "timestamp": "2024-06-15T14:30:00+00:00",
    "device_id": "edge-gateway-001",
    "solar": {"generation_kw": 7.5, "irradiance_w_m2": 900.0, "panel_temp_celsius": 40.0, "efficiency_percent": 17.5},
    "battery": {
        "soc_percent": 65.0, "capacity_kwh": 13.5, "power_kw": 2.0, "voltage_v": 51.5,
        "temperature_celsius": 30.0, "cycles": 200, "health_percent": 97.0,
    },
    "home_load": {"total_load_kw": 3.5, "hvac_kw": 1.5, "appliances_kw": 1.0, "lighting_kw": 0.3, "ev_charging_kw": 0.0, "other_kw": 0.7},
    "grid_price": {
        "price_per_kwh": 0.28, "feed_in_tariff": 0.08, "demand_charge": 10.0,
        "time_of_use_period": "peak", "carbon_intensity_g_kwh": 380.0,
    },
    "net_grid_flow_kw": -2.0,
}  # fmt: skip

VERDICT: Json = {
    "site_id": "home",
    "accepted": 2,
    "inserted": 1,
    "updated": 0,
    "unchanged": 1,
    "rejected": 1,
    "refused_rows": [{"index": 1, "errors": [{"pointer": "/battery/soc_percent", "detail": "must be between 0 and 100"}]}],
}

READING_LIST: Json = {"site_id": "home", "items": [READING | {"quality": []}], "next": None}

SERIES: Json = {
    "site_id": "home",
    "start": "2024-06-15T14:30:00+00:00",
    "resolution": "PT15M",
    "values": {"total_load_kw": [3.5, 3.1, None], "solar_generation_kw": [7.5, 7.4, 7.2]},
}

STATUS: Json = {
    "site_id": "home",
    "now": "2024-06-15T14:32:10+00:00",
    "time_stands": False,
    "has_tariff": True,
    "readings_start": "2024-04-16T00:00:00+00:00",
    "readings_end": "2024-06-15T14:30:00.000001+00:00",
    "readings_count": 17455,
    "readings_refused": 0,
    "steps": [
        {
            "step": "sync", "watermark": "2024-06-15T14:30:00+00:00", "updated_at": "2024-06-15T14:31:00+00:00",
            "rows": 17455, "rejected": 0, "last_error": None,
        }
    ],
    "forecasts_issued_at": {"load": "2024-06-15T14:00:00+00:00", "solar": "2024-06-15T14:00:00+00:00"},
    "schedule_id": "home.20240615T140005Z",
    "schedule_issued_at": "2024-06-15T14:00:05+00:00",
}  # fmt: skip

FORECAST: Json = {
    "forecast_id": "home:load:2024-06-15T14:00:00+00:00",
    "site_id": "home",
    "target": "load",
    "unit": "kW",
    "issued_at": "2024-06-15T14:00:00+00:00",
    "data_as_of": "2024-06-15T13:45:00+00:00",
    "model_name": "quantile_xgboost",
    "model_version": "3f9a1c",
    "skill": 0.21,
    "degraded": [],
    "start": "2024-06-15T14:00:00+00:00",
    "resolution": "PT15M",
    "quantiles": {"0.1": [0.4, 0.5], "0.5": [0.9, 1.1], "0.9": [2.1, 2.4]},
}


def _scores(label: str, pinball: float) -> Json:
    return {
        "label": label, "steps": 1200, "pinball": pinball, "mae": 3 * pinball, "nmae": 0.31, "coverage_80": 0.79, "width_80": 1.1,
    }  # fmt: skip


def _forecaster(name: str, pinball: float) -> Json:
    return {
        "name": name,
        "whole": _scores("0-48 h", pinball),
        "by_lead": [_scores("0-1 h", 0.6 * pinball), _scores("36-48 h", 1.1 * pinball)],
        "by_hour": [_scores("07:00", 0.9 * pinball), _scores("19:00", 1.4 * pinball)],
    }


MODELS: Json = {
    "site_id": "home",
    "target": "load",
    "champion": "3f9a1c",
    "items": [
        {
            "model_version": "3f9a1c",
            "model_name": "quantile_ensemble",
            "trained_at": "2024-06-15T02:00:00+00:00",
            "data_start": "2023-06-01T00:00:00+00:00",
            "data_end": "2024-06-15T02:00:00+00:00",
            "catalog_version": "8d21",
            "features": ["hour_local", "mean_7d", "lead_hours"],
            "metrics": {"pinball": 0.083, "skill": 0.21, "coverage_80": 0.79, "bill_saving": 0.034},
        }
    ],
    "promotions": [
        {
            "model_version": "3f9a1c",
            "promoted_at": "2024-06-15T02:00:00+00:00",
            "reason": "better than median_7d: pinball 0.083 against 0.105",
        }
    ],
    "pool": {
        "model_version": "77b0e4",
        "trained_at": "2024-06-15T01:00:00+00:00",
        "data_end": "2024-06-15T01:00:00+00:00",
        "sites": 120,
    },
    "drift": {"watched_at": "2024-06-16T02:00:00+00:00", "alarm": None},
    "evaluation": {
        "target": "load",
        "unit": "kW",
        "evaluated_at": "2024-06-15T02:00:00+00:00",
        "test_days": 60,
        "issue_every_hours": 6,
        "verdict": "better than median_7d: pinball 0.083 against 0.105",
        "best_baseline": "median_7d",
        "skill": 0.21,
        "bill_saving": 0.034,
        "forecasters": [_forecaster("model", 0.083), _forecaster("median_7d", 0.105)],
        "calibration": {
            "levels": [0.1, 0.5, 0.9],
            "observed": [0.11, 0.49, 0.9],
            "pit_edges": [0.0, 0.1, 0.5, 0.9, 1.0],
            "pit_density": [1.1, 0.95, 1.025, 1.0],
            "steps": 1200,
        },
    },
}

SLOT: Json = {
    "start": "2024-06-15T14:00:00+00:00",
    "action": "store",
    "charge_kw": 4.0,
    "discharge_kw": 0.0,
    "grid_import_kw": 0.0,
    "grid_export_kw": 0.0,
    "curtail_kw": 0.0,
    "soc_percent": 62.0,
    "load_kw": 0.9,
    "solar_kw": 4.9,
    "import_price_per_kwh": 0.25,
    "export_price_per_kwh": 0.08,
    "cost": 0.0,
    "value_curve": {"soc_percent": [0.0, 60.0], "value_per_kwh": [0.36, 0.31]},
    "grid_charge_limit_kw": 0.0,
    "grid_discharge_limit_kw": 0.0,
    "reason": {
        "text": "Solar surplus is stored: it saves 0.40 EUR/kWh at 17:00 and would earn 0.08 EUR/kWh now.",
        "binding": None,
        "marginal_value_per_kwh": 0.31,
        "runner_up": "hold",
        "runner_up_extra_cost": 0.23,
    },
    "ev_kw": 0.0,
    "deferrable_kw": 0.0,
}

SCHEDULE: Json = {
    "schedule_id": "home.20240615T140005Z",
    "site_id": "home",
    "issued_at": "2024-06-15T14:00:05+00:00",
    "status": "optimal",
    "engine": "highs",
    "objective": "cost",
    "currency": "EUR",
    "start": "2024-06-15T14:00:00+00:00",
    "resolution": "PT15M",
    "cost": {"energy": 1.1, "demand": 0.0, "wear": 0.1, "terminal": 0.9, "total": 0.3},
    "baseline_cost": 2.14,
    "initial_soc_percent": 55.0,
    "degraded": [],
    "relaxed_constraints": [],
    "forecast_ids": ["home:load:2024-06-15T14:00:00+00:00", "home:solar:2024-06-15T14:00:00+00:00"],
    "revision": 7,
    "not_before": "2024-06-15T14:00:00+00:00",
    "expires_at": "2024-06-15T18:00:00+00:00",
    "solve_seconds": 0.03,
    "gap": 0.0,
    "notes": [],
    "slots": [SLOT],
}

SCHEDULE_LIST: Json = {"site_id": "home", "items": [{"schedule_id": "home.20240615T140005Z"}], "next": None}


def _bill(policy: str, energy_cost: float, captured_share: float) -> Json:
    return {
        "policy": policy, "energy_cost": energy_cost, "demand_cost": 0.0, "wear_cost": 0.2, "stored_value": 0.1, "import_kwh": 60.0,
        "export_kwh": 20.0, "throughput_kwh": 40.0, "bill": energy_cost - 0.1, "total": energy_cost + 0.1, "captured_share": captured_share,
    }  # fmt: skip


SAVINGS: Json = {
    "site_id": "home",
    "made_at": "2024-06-15T14:00:00+00:00",
    "start": "2024-06-08T00:00:00+00:00",
    "end": "2024-06-15T00:00:00+00:00",
    "currency": "EUR",
    "coverage": 0.998,
    "bills": [
        _bill("no_battery", 21.0, 0.0),
        _bill("self_consumption", 14.5, 0.66),
        _bill("planned", 12.1, 0.91),
        _bill("perfect_foresight", 11.2, 1.0),
    ],
    "notes": [],
}
