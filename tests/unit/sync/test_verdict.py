"""What is thought of each row."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from services.sync.replication.refusal import AHEAD_OF_CLOCK, QUARANTINE_COLUMNS, same_as_refused
from services.sync.replication.verdict import judge, with_arrival_flags
from shared.domain.reading import READING_COLUMNS, Quality
from shared.domain.site import EvSpec, Site, SolarSpec
from tests.factories import a_site, readings

NOW = datetime(2024, 6, 16, tzinfo=UTC)
SITE = a_site()
SITES = {"home": SITE}


def one(**changes: object) -> pd.DataFrame:
    """The reading of noon with some values changed."""
    frame = readings(start=datetime(2024, 6, 15, 12, tzinfo=UTC), hours=0.25)
    for column, value in changes.items():
        frame[column] = pd.Series([value], dtype=frame[column].dtype if column != "timestamp" else None)
    return frame


def flags_of(frame: pd.DataFrame, site: Site = SITE, now: datetime = NOW) -> Quality:
    accepted = judge(frame, sites={"home": site}, now=now).accepted
    assert len(accepted) == 1
    return Quality(int(accepted["quality"].iloc[0]))


def reason_of(frame: pd.DataFrame) -> str:
    verdicts = judge(frame, sites=SITES, now=NOW)
    assert verdicts.accepted.empty
    return str(verdicts.rejected["reason"].iloc[0])


def test_a_clean_day_is_accepted_as_it_is_without_a_flag():
    day = readings()
    verdicts = judge(day, sites=SITES, now=NOW)
    assert verdicts.rejected.empty
    assert tuple(verdicts.rejected.columns) == QUARANTINE_COLUMNS
    pd.testing.assert_frame_equal(verdicts.accepted, day, check_dtype=False)


def test_an_empty_frame_has_no_verdicts():
    verdicts = judge(readings(hours=0), sites=SITES, now=NOW)
    assert verdicts.accepted.empty
    assert verdicts.rejected.empty
    assert tuple(verdicts.accepted.columns) == READING_COLUMNS


def test_one_bad_row_never_blocks_its_batch():
    day = readings()
    day.loc[3, "total_load_kw"] = np.inf
    verdicts = judge(day, sites=SITES, now=NOW)
    assert len(verdicts.accepted) == len(day) - 1
    assert len(verdicts.rejected) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_load_kw": np.inf}, "total_load_kw is inf: impossible"),
        ({"solar_generation_kw": 1e308}, "solar_generation_kw is 1e+308: impossible"),
        ({"battery_soc_percent": 6500.0}, "belongs between 0 to 100"),
        ({"device_id": "two words"}, "device_id is not"),
        ({"device_id": None}, "device_id is not"),
        ({"timestamp": pd.NaT}, "timestamp is missing"),
        ({"timestamp": pd.Timestamp("1970-01-20", tz="UTC")}, "before the year 2000"),
        ({"timestamp": pd.Timestamp(NOW) + timedelta(minutes=6)}, AHEAD_OF_CLOCK),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(changes: dict[str, object], words: str):
    assert words in reason_of(one(**changes))


def test_milliseconds_taken_for_seconds_are_recognised():
    frame = one()
    frame["timestamp"] = pd.DatetimeIndex(np.array(["56432-01-01"], dtype="datetime64[us]")).tz_localize("UTC")
    verdicts = judge(frame, sites=SITES, now=NOW)
    assert "milliseconds" in verdicts.rejected["reason"].iloc[0]
    assert verdicts.rejected["timestamp"].iloc[0].startswith("56432-01-01")


def test_a_refused_row_is_kept_whole_as_the_json_of_its_gateway():
    rejected = judge(one(total_load_kw=np.inf), sites=SITES, now=NOW).rejected.iloc[0]
    document = json.loads(rejected["document"])
    assert document["home_load"]["total_load_kw"] == "inf"
    assert document["solar"]["generation_kw"] == one()["solar_generation_kw"].iloc[0]
    assert document["timestamp"] == rejected["timestamp"] == "2024-06-15T12:00:00.000000+00:00"
    assert document["battery"]["voltage_v"] is None


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"total_load_kw": np.nan, "net_grid_flow_kw": np.nan}, Quality.MISSING),
        ({"solar_generation_kw": np.nan}, Quality.MISSING),
        ({"battery_soc_percent": np.nan}, Quality.MISSING),
        ({"battery_soc_percent": 101.0}, Quality.OUT_OF_RANGE),
        ({"solar_generation_kw": -0.4, "net_grid_flow_kw": np.nan}, Quality.OUT_OF_RANGE),
        ({"solar_generation_kw": 12.5, "net_grid_flow_kw": np.nan}, Quality.OUT_OF_RANGE),
        ({"battery_power_kw": -6.5, "net_grid_flow_kw": np.nan}, Quality.OUT_OF_RANGE),
        ({"net_grid_flow_kw": 9.0}, Quality.IMBALANCE),
    ],
)
def test_a_doubtful_row_is_accepted_with_its_flag_and_its_raw_value(changes: dict[str, float], flag: Quality):
    frame = one(**changes)
    assert flags_of(frame) == flag
    accepted = judge(frame, sites=SITES, now=NOW).accepted
    for column, value in changes.items():
        np.testing.assert_equal(accepted[column].iloc[0], value)


def test_what_a_site_does_not_have_is_not_missing():
    nothing = {"solar_generation_kw": np.nan, "battery_power_kw": np.nan, "battery_soc_percent": np.nan, "total_load_kw": 0.5}
    bare = a_site(solar=None, battery=None)
    assert flags_of(one(**nothing, net_grid_flow_kw=0.5), bare) == Quality.GOOD
    assert flags_of(one(**nothing, net_grid_flow_kw=-0.5), bare) == Quality.IMBALANCE, "its meter's sign is flipped"


def test_the_battery_assumed_for_imported_history_is_not_missing():
    without = one(battery_soc_percent=np.nan, battery_power_kw=np.nan, net_grid_flow_kw=np.nan)
    assert flags_of(without, a_site(live=False)) == Quality.GOOD
    assert flags_of(without, a_site(live=True)) == Quality.MISSING


def test_an_ev_beyond_its_charge_point_is_out_of_range():
    site = a_site(ev=EvSpec(max_charge_rate_kw=7.2))
    assert flags_of(one(ev_charging_kw=9.0), site) == Quality.OUT_OF_RANGE
    assert flags_of(one(ev_charging_kw=7.4), site) == Quality.GOOD


def test_flags_are_added_to_those_that_the_row_brings():
    assert flags_of(one(quality=int(Quality.SIMULATED), net_grid_flow_kw=9.0)) == Quality.SIMULATED | Quality.IMBALANCE


@pytest.mark.parametrize(("ahead", "flag"), [(2, Quality.GOOD), (3, Quality.CLOCK_AHEAD), (300, Quality.CLOCK_AHEAD)])
def test_a_clock_a_little_ahead_is_flagged(ahead: int, flag: Quality):
    frame = one()
    assert flags_of(frame, now=frame["timestamp"].iloc[0].to_pydatetime() - timedelta(seconds=ahead)) == flag


def test_of_a_key_that_comes_twice_the_later_row_counts():
    twice = pd.concat([one(other_kw=1.0), one(other_kw=2.0)], ignore_index=True)
    accepted = judge(twice, sites=SITES, now=NOW).accepted
    assert accepted["other_kw"].tolist() == [2.0]


def test_a_bad_copy_of_a_row_does_not_take_the_place_of_the_good_one():
    twice = pd.concat([one(other_kw=1.0), one(other_kw=np.inf)], ignore_index=True)
    verdicts = judge(twice, sites=SITES, now=NOW)
    assert verdicts.accepted["other_kw"].tolist() == [1.0]
    assert len(verdicts.rejected) == 1


def test_a_row_refused_for_its_clock_stays_refused_when_time_has_passed_unless_it_says_something_else():
    early = readings(start=NOW + timedelta(hours=2), hours=1)
    refused = judge(early, sites=SITES, now=NOW).rejected
    assert refused["reason"].eq(AHEAD_OF_CLOCK).all()
    later = judge(early, sites=SITES, now=NOW + timedelta(days=1)).accepted
    later.loc[1, "total_load_kw"] += 1.0
    assert same_as_refused(later, refused).tolist() == [True, False, True, True]


def test_rows_of_several_sites_are_each_judged_by_their_own_devices():
    small, large = a_site("small", solar=SolarSpec(capacity_kw=5.0)), a_site("large", simulated=True)
    frame = pd.concat([one(site_id=name, solar_generation_kw=9.0, net_grid_flow_kw=np.nan) for name in ("large", "small", "stranger")])
    accepted = judge(frame, sites={"small": small, "large": large}, now=NOW).accepted
    flags = dict(zip(accepted["site_id"], accepted["quality"], strict=True))
    assert flags == {"small": Quality.OUT_OF_RANGE, "large": Quality.SIMULATED, "stranger": Quality.GOOD}


def test_the_flag_of_a_clock_ahead_survives_a_second_look():
    frame = one()
    moment = frame["timestamp"].iloc[0].to_pydatetime()
    first = judge(frame, sites=SITES, now=moment - timedelta(minutes=1)).accepted
    again = judge(frame, sites=SITES, now=moment + timedelta(minutes=1)).accepted
    assert again["quality"].tolist() == [Quality.GOOD]
    assert with_arrival_flags(again, first)["quality"].tolist() == [Quality.CLOCK_AHEAD]
    assert with_arrival_flags(again, again)["quality"].tolist() == [Quality.GOOD]
