from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.service.apis import Api, an_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Without tokens."""
    made = an_api(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Api]:
    """With tokens."""
    made = an_api(tmp_path, auth="token")
    yield made
    made.engine.dispose()
