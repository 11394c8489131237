"""The scoring protocol beside MLflow's own reading of it: the same body, the same artifact, the same answer."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.registry.connection import loaded
from driftgate.service.http.invocations import instances_of, predictions_of
from driftgate.service.serving.loaded import LoadedVersion
from tests.builders import a_payload
from tests.registered import bench, rows
from tests.unit.service.test_invocations import SAME_ROWS

ONLY_OURS = {"instances, rows in schema order", "params beside them"}
"""MLflow takes rows without names for a model without column names only."""


@dataclass
class Sides:
    """One version, answered by us and by MLflow."""

    ours: Callable[[str, bytes], Any]
    mlflows: Callable[[str, bytes], Any]


@pytest.fixture(scope="module", params=list(Task))
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    pyfunc, scoring_server = loaded("mlflow.pyfunc"), loaded("mlflow.pyfunc.scoring_server")
    with bench(tmp_path_factory.mktemp("protocol")) as real:
        version = real.registered(task=request.param)
        served = LoadedVersion(version, real.registry.scorer(version))
        model = pyfunc.load_model(str(real.registry.model_folder(version)))

        def ours(media: str, body: bytes) -> Any:
            outputs = served.outputs(instances_of(media, body, version.schema))
            return json.loads(json.dumps(predictions_of([a_payload(output=output) for output in outputs], version.schema)))

        def mlflows(media: str, body: bytes) -> Any:
            answer = scoring_server.invocations(body, media, model, model.metadata.get_input_schema())
            assert answer.status == 200, answer.response
            return json.loads(answer.response)

        yield Sides(ours, mlflows)


@pytest.mark.parametrize("name", sorted(SAME_ROWS.keys() - ONLY_OURS))
def test_a_body_gets_the_answer_that_mlflow_gives(sides: Sides, name: str) -> None:
    media, content = SAME_ROWS[name]
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()

    assert sides.ours(media.lower(), body) == sides.mlflows(media.lower(), body)


@pytest.mark.parametrize("form", ["csv", "split", "records"])
def test_a_whole_frame_as_pandas_writes_it_gets_the_answer_that_mlflow_gives(sides: Sides, form: str, tmp_path: Path) -> None:
    frame = rows()
    if form == "csv":
        frame.to_csv(tmp_path / "rows.csv", index=False)
        media, body = "text/csv", (tmp_path / "rows.csv").read_bytes()
    else:
        media, body = "application/json", json.dumps({f"dataframe_{form}": frame.to_dict(orient=form)}).encode()

    answer = sides.ours(media, body)

    assert len(answer["predictions"]) == len(frame)
    if form == "csv":
        # The reader of CSV in pandas may miss the last of a number's 17 digits; ours does not.
        assert np.allclose(answer["predictions"], sides.mlflows(media, body)["predictions"], rtol=1e-12, atol=0)
    else:
        assert answer == sides.mlflows(media, body)
