"""A forecast is whole, ordered and finite, or it is refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.time import TimeGrid

ISSUED = datetime(2024, 6, 15, 12, tzinfo=UTC)


def a_forecast(**changes: object) -> Forecast:
    values = {
        "site_id": "home", "target": Target.LOAD, "issued_at": ISSUED, "data_as_of": ISSUED, "model_name": "m", "model_version": "1",
        "grid": TimeGrid(start=ISSUED, step=timedelta(hours=1), count=2), "levels": (0.1, 0.5, 0.9),
        "values": np.array([[1.0, 2.0], [2.0, 4.0], [5.0, 5.0]]),
    }  # fmt: skip
    return Forecast(**(values | changes))


@st.composite
def quantiles(draw: st.DrawFn) -> tuple[tuple[float, ...], np.ndarray]:
    levels = sorted({0.5, *draw(st.lists(st.sampled_from(QUANTILE_LEVELS), max_size=6))})
    steps = draw(st.integers(0, 4))
    rows = draw(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=len(levels), max_size=len(levels)), min_size=steps, max_size=steps))
    return tuple(levels), np.sort(np.array(rows, dtype=np.float64).reshape(steps, len(levels)), axis=1).T


class TestQuantiles:
    @given(given_quantiles=quantiles(), share=st.floats(0, 1))
    def test_between_the_levels_lie_on_the_straight_line(self, given_quantiles, share):
        levels, values = given_quantiles
        forecast = a_forecast(levels=levels, values=values, grid=TimeGrid(start=ISSUED, step=timedelta(hours=1), count=values.shape[1]))
        level = levels[0] + share * (levels[-1] - levels[0])
        expected = [np.interp(level, levels, values[:, step]) for step in range(values.shape[1])]
        np.testing.assert_allclose(forecast.quantile(min(level, levels[-1])), expected, atol=1e-9)

    @given(given_quantiles=quantiles())
    def test_do_not_decrease_with_their_level(self, given_quantiles):
        levels, values = given_quantiles
        forecast = a_forecast(levels=levels, values=values, grid=TimeGrid(start=ISSUED, step=timedelta(hours=1), count=values.shape[1]))
        asked = np.array([forecast.quantile(level) for level in np.linspace(levels[0], levels[-1], 9)])
        assert (np.diff(asked, axis=0) >= -1e-9).all()

    def test_at_a_level_are_the_values_given(self):
        forecast = a_forecast()
        assert forecast.quantile(0.1).tolist() == [1.0, 2.0]
        assert forecast.median.tolist() == [2.0, 4.0]
        assert forecast.quantile(0.3).tolist() == [1.5, 3.0]

    @pytest.mark.parametrize("level", [0.05, 0.95, 1.5, -0.1, float("nan")])
    def test_beyond_the_levels_are_not_made_up(self, level):
        with pytest.raises(InvalidValueError, match=r"level is .* must be between 0\.1 and 0\.9"):
            a_forecast().quantile(level)


class TestAForecast:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"values": np.zeros((3, 3))}, "must have shape"),
            ({"values": np.zeros((2, 2))}, "must have shape"),
            ({"values": np.array([[1.0, np.nan], [2.0, 4.0], [5.0, 5.0]])}, "must all be finite"),
            ({"values": np.array([[1.0, 2.0], [2.0, 4.0], [5.0, np.inf]])}, "must all be finite"),
            ({"values": np.array([[1.0, 2.0], [2.0, 4.0], [1.5, 5.0]])}, "must not decrease with their level"),
            ({"levels": (0.1, 0.9, 0.5)}, "must be increasing"),
            ({"levels": (0.1, 0.1, 0.5)}, "must be increasing"),
            ({"levels": (0.1, 0.4, 0.9)}, "hold 0.5"),
            ({"levels": (0.0, 0.5, 0.9)}, "between 0 and 1"),
            ({"levels": (0.1, 0.5, 1.0)}, "between 0 and 1"),
            ({"levels": (0.5, 50.0, 90.0)}, "between 0 and 1"),
            ({"skill": float("nan")}, "skill is nan"),
            ({"issued_at": ISSUED.replace(tzinfo=None)}, "issued_at is .* has no offset"),
            ({"data_as_of": ISSUED.replace(tzinfo=None)}, "data_as_of is .* has no offset"),
        ],
    )
    def test_refuses(self, changes, text):
        with pytest.raises(InvalidValueError, match=text):
            a_forecast(**changes)

    def test_made_twice_has_one_id(self):
        assert a_forecast().forecast_id == a_forecast(model_version="2").forecast_id == "home:load:2024-06-15T12:00:00+00:00"

    def test_of_no_steps_is_a_forecast(self):
        empty = a_forecast(values=np.zeros((3, 0)), grid=TimeGrid(start=ISSUED, step=timedelta(hours=1), count=0))
        assert empty.median.shape == (0,)
