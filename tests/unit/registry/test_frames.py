import numpy as np

from driftgate.registry.frames import frame_of
from tests.builders import a_schema


def test_rows_become_one_conformed_frame() -> None:
    rows = [{"plan": True, "score": 3}, {"score": None, "plan": "pro"}, {}]

    frame = frame_of(rows, a_schema())

    assert list(frame.columns) == ["score", "plan"]
    np.testing.assert_array_equal(frame["score"], [3.0, np.nan, np.nan])
    assert frame["plan"].tolist()[:2] == ["True", "pro"]
    assert frame["plan"].isna().tolist() == [False, False, True]
