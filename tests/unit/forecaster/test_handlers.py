from datetime import timedelta

import pytest

from services.forecaster import handlers
from shared.adapters.clock import FixedClock
from shared.contracts.events import (
    FeaturesTableBuilt,
    ForecastRunPublished,
    ModelTrainingCompleted,
    ModelTrainingRequested,
    ScheduleRunRequested,
)
from shared.contracts.topology import FORECASTER_BATCH, FORECASTER_RUN, FORECASTER_TRAIN, FORECASTER_TRAIN_BATCH
from shared.domain.forecast import Target
from shared.ports.errors import RejectedMessageError
from tests.unit.forecaster.test_service import NOW, TABLE, Home


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.cloud.close()


@pytest.fixture
def parts(home):
    return handlers.parts(home.service, jobs=home.cloud.jobs, clock=FixedClock(NOW), test_share=0.25)


def handle(parts, queue, event):
    return next(each for each in parts.subscriptions if each.queue is queue).handle(event)


def built(site_id="home"):
    return FeaturesTableBuilt(site_id=site_id, start=NOW - timedelta(days=1), end=NOW, rows=len(TABLE), catalog_version="one")


def test_new_features_are_forecast_once_an_hour(parts):
    (event,) = handle(parts, FORECASTER_RUN, built())
    assert isinstance(event, ForecastRunPublished)
    assert event.targets == [Target.LOAD, Target.SOLAR, Target.PRICE]
    assert handle(parts, FORECASTER_RUN, built()) == []


def test_a_requested_training_tells_of_each_target_and_its_promotion_brings_a_forecast(parts):
    completed = handle(parts, FORECASTER_TRAIN, ModelTrainingRequested(site_id="home"))
    assert [event.target for event in completed] == [Target.LOAD, Target.SOLAR, Target.PRICE]
    promoted = [event for event in completed if event.promoted]
    assert promoted
    assert len(handle(parts, FORECASTER_RUN, promoted[0])) == 1
    # the same run used every new model: the other targets need no second one
    assert handle(parts, FORECASTER_RUN, promoted[-1]) == []


def test_a_model_that_was_not_promoted_brings_no_forecast(parts):
    event = ModelTrainingCompleted(
        site_id="home", target=Target.LOAD, model_name="quantile_trees", model_version="v", promoted=False, skill=None
    )
    assert handle(parts, FORECASTER_RUN, event) == []


@pytest.mark.parametrize("queue", [FORECASTER_RUN, FORECASTER_TRAIN])
def test_messages_that_can_never_be_handled_are_refused(parts, queue):
    with pytest.raises(RejectedMessageError, match="does not belong"):
        handle(parts, queue, ScheduleRunRequested(site_id="home"))
    with pytest.raises(RejectedMessageError, match="'cottage'"):
        handle(parts, queue, built("cottage") if queue is FORECASTER_RUN else ModelTrainingRequested(site_id="cottage"))


def test_sweeps_forecast_hourly(parts):
    forecast, *_ = parts.timers
    assert (forecast.every, forecast.at_once) == (timedelta(hours=1), True)
    (batch,) = forecast.step()
    (event,) = handle(parts, FORECASTER_BATCH, batch)
    assert isinstance(event, ForecastRunPublished)
    assert forecast.step() == handle(parts, FORECASTER_BATCH, batch) == []


def parts_at(home, now):
    return handlers.parts(home.service, jobs=home.cloud.jobs, clock=FixedClock(now), test_share=0.25)


def test_a_site_is_trained_as_soon_as_it_has_learned_nothing_and_then_daily(home):
    parts = parts_at(home, NOW)
    (batch,) = parts.timers[1].step()
    assert {event.target for event in handle(parts, FORECASTER_TRAIN_BATCH, batch)} == {Target.LOAD, Target.SOLAR, Target.PRICE}
    assert parts.timers[1].step() == handle(parts, FORECASTER_TRAIN_BATCH, batch) == []
    assert parts_at(home, NOW + timedelta(hours=23)).timers[1].step() == []
    assert len(parts_at(home, NOW + timedelta(hours=24)).timers[1].step()) == 1


def test_a_site_of_few_hours_is_not_trained_yet(home):
    begin = TABLE["timestamp"].min().to_pydatetime()
    assert parts_at(home, begin + timedelta(hours=47)).timers[1].step() == []
    assert len(parts_at(home, begin + timedelta(hours=48)).timers[1].step()) == 1


def test_a_new_model_whose_message_was_lost_is_used_by_the_next_sweep_also_where_time_stands(home, parts):
    assert len(handle(parts, FORECASTER_RUN, built())) == 1
    assert any(event.promoted for event in handle(parts, FORECASTER_TRAIN, ModelTrainingRequested(site_id="home")))
    (batch,) = parts.timers[0].step()
    (after,) = handle(parts, FORECASTER_BATCH, batch)
    assert isinstance(after, ForecastRunPublished)
    champion = home.models.champion(owner="home", target=Target.LOAD)
    assert home.cloud.forecasts.latest(site_id="home", target=Target.LOAD).model_version == champion
    assert parts.timers[0].step() == []
