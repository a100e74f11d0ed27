"""Our signs: generation and load above zero, battery above zero charging, grid above zero importing; and load from the others."""

from collections.abc import Mapping, MutableMapping

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
STANDBY_SHARE = 0.02
"""An inverter at night draws up to about this share of its peak; such small negative generation is nought."""
ROUNDING_KW = 1e-6


def settle(values: MutableMapping[str, Numbers], columns: MutableMapping[str, str]) -> list[str]:
    """Bring roles' values (kW, %) to our signs, join what is split, derive the load; returns what was done, one sentence each."""
    notes = [
        note
        for name in ("solar_kw", "load_kw", "grid_import_kw", "grid_export_kw")
        if name in values
        for note in _flip_if_negative(values, name)
    ]
    _join_battery(values, columns)
    _net_grid(values, columns)
    if "battery_power_kw" in values:
        notes += _battery_sign(values, columns)
    if "net_grid_flow_kw" in values and "load_kw" in values:
        notes += _grid_sign(values)
    if "load_kw" not in values:
        notes += _derive_load(values, columns)
    else:
        notes += _imbalance(values)
    return notes


def _flip_if_negative(values: MutableMapping[str, Numbers], name: str) -> list[str]:
    series = values[name]
    below, above = series < -ROUNDING_KW, series > ROUNDING_KW
    if not below.any():
        return []
    if -np.nansum(series[below]) > 9 * np.nansum(series[above]):
        values[name] = -series + 0.0
        return [f"{name}: written below zero in the file, its sign was turned", *_flip_if_negative(values, name)]
    if name != "solar_kw":
        return []
    small = below & (series >= -STANDBY_SHARE * np.nanmax(series))
    values[name] = np.where(small, 0.0, series)
    return [f"solar_kw: {int(small.sum())} small negative values (standby of the inverter) were set to 0"] if small.any() else []


def _join_battery(values: MutableMapping[str, Numbers], columns: MutableMapping[str, str]) -> None:
    """Charge and discharge in two columns become one power."""
    charge, discharge = values.pop("battery_charge_kw", None), values.pop("battery_discharge_kw", None)
    if "battery_power_kw" in values or (charge is None and discharge is None):
        return
    parts = [np.abs(charge) if charge is not None else 0.0, np.abs(discharge) if discharge is not None else 0.0]
    values["battery_power_kw"] = np.asarray(parts[0] - parts[1], dtype=np.float64)
    words = [columns.pop(name) for name in ("battery_charge_kw", "battery_discharge_kw") if name in columns]
    columns["battery_power_kw"] = " less ".join(words) if len(words) == 2 else words[0] + ("" if charge is not None else ", as discharging")


def _battery_sign(values: MutableMapping[str, Numbers], columns: MutableMapping[str, str]) -> list[str]:
    """Let the state of charge, else the balance, say which sign is charging; where neither can, keep the file's and say so."""
    power, soc = values["battery_power_kw"], values.get("battery_soc_percent")
    if soc is not None:
        moved = np.diff(soc)
        # a row tells the power of its interval, or of the moment: both neighbours are asked
        turned = max((_agreement(moved, power[:-1]), _agreement(moved, power[1:])), key=abs) < 0
        evidence = "the charge falls then"
    elif {"net_grid_flow_kw", "load_kw"} <= values.keys():
        turned = _off_balance(values, -power) < 0.5 * _off_balance(values, power)
        evidence = "by the balance of all powers"
    else:
        return ["battery_power_kw: no state of charge to check its sign; above zero is taken as charging"] if (power < 0).any() else []
    if not turned:
        return []
    values["battery_power_kw"] = -power + 0.0
    columns["battery_power_kw"] += ", sign turned"
    return [f"battery_power_kw: above zero is discharging in the file ({evidence}), its sign was turned"]


def _off_balance(values: Mapping[str, Numbers], battery: Numbers) -> float:
    """How far the meter, whichever its sign, is from load + battery - solar."""
    grid = values["net_grid_flow_kw"]
    expected = values["load_kw"] + battery - values.get("solar_kw", np.zeros_like(grid))
    return min(_distance(grid, expected), _distance(-grid, expected))


def _agreement(first: Numbers, second: Numbers) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    return float((first[known] * second[known]).sum())


def _net_grid(values: MutableMapping[str, Numbers], columns: MutableMapping[str, str]) -> None:
    if "net_grid_flow_kw" not in values and {"grid_import_kw", "grid_export_kw"} <= values.keys():
        values["net_grid_flow_kw"] = values["grid_import_kw"] - values["grid_export_kw"]
        columns["net_grid_flow_kw"] = "grid_import_kw - grid_export_kw"


def _grid_sign(values: MutableMapping[str, Numbers]) -> list[str]:
    """Let the balance say which sign is importing."""
    grid = values["net_grid_flow_kw"]
    expected = values["load_kw"] - values.get("solar_kw", np.zeros_like(grid)) + values.get("battery_power_kw", np.zeros_like(grid))
    if _distance(-grid, expected) < 0.5 * _distance(grid, expected):
        values["net_grid_flow_kw"] = -grid + 0.0
        return ["net_grid_flow_kw: above zero is exporting in the file (by the balance with load and solar), its sign was turned"]
    return []


def _distance(first: Numbers, second: Numbers) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    return float(np.abs(first[known] - second[known]).mean()) if known.any() else 0.0


def _derive_load(values: MutableMapping[str, Numbers], columns: MutableMapping[str, str]) -> list[str]:
    """load = grid import - grid export + solar - battery charging, as far as the file has them."""
    grid = values.get("net_grid_flow_kw", values.get("grid_import_kw"))
    solar, battery = values.get("solar_kw"), values.get("battery_power_kw")
    if grid is None or (solar is None and ("grid_export_kw" in values or (grid < -ROUNDING_KW).any())):
        return []
    others = (np.zeros_like(grid) if solar is None else solar) - (0.0 if battery is None else battery)
    load = grid + others
    notes = []
    if (load < -ROUNDING_KW).sum() > 4 * (others - grid < -ROUNDING_KW).sum() and "grid_import_kw" not in values:
        values["net_grid_flow_kw"], load = -grid + 0.0, others - grid
        notes = ["net_grid_flow_kw: above zero is exporting in the file (else the load would be below zero), its sign was turned"]
    values["load_kw"] = np.where(np.abs(load) < ROUNDING_KW, 0.0, load)
    formula = "grid" + ("" if solar is None else " + solar") + ("" if battery is None else " - battery")
    columns["load_kw"] = f"{formula} (derived)"
    notes.append(f"load_kw: no such column, derived as {formula} (grid is above zero when importing)")
    if solar is not None and "net_grid_flow_kw" not in values:
        notes.append("load_kw: the file has no export column; what was exported counts as load, so load is too high while the sun shines")
    return notes


def _imbalance(values: Mapping[str, Numbers]) -> list[str]:
    if not {"load_kw", "net_grid_flow_kw", "solar_kw"} <= values.keys():
        return []
    battery = values.get("battery_power_kw", np.zeros_like(values["load_kw"]))
    expected = values["load_kw"] + battery - values["solar_kw"]
    off, size = _distance(values["net_grid_flow_kw"], expected), float(np.nanmean(np.abs(values["load_kw"])))
    if off <= 0.1 * size:
        return []
    return [f"warning: grid differs from load + battery - solar by {off:.2f} kW on average; load is kept as the file has it"]
