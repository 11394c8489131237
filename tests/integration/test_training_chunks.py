"""A query's rows in chunks, on every database."""

from pathlib import Path

import pandas as pd
import pytest

from driftgate.lifecycle.plan import Source
from driftgate.service.database import connect
from driftgate.training import sources
from tests.databases import KINDS, scratch_url


@pytest.mark.parametrize("kind", KINDS)
def test_the_chunks_of_a_query_are_its_rows_in_order(kind: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"name": [f"n{place}" for place in range(25)], "age": range(25)})
    with scratch_url(kind, tmp_path) as url:
        engine = connect(url)
        rows.to_sql("clients", engine, index=False)
        engine.dispose()
        given = engine.url.render_as_string(hide_password=False)

        chunks = list(sources.chunks(Source(url=given, query="SELECT * FROM clients ORDER BY age"), tmp_path, 10))

    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert pd.concat(chunks)["age"].tolist() == list(range(25))
