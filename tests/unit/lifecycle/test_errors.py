import inspect
import pickle
import re

import pytest

from driftgate.lifecycle import errors
from driftgate.lifecycle.errors import DriftgateError

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DriftgateError)]
DRAWN = re.compile(r"^(?P<indent>[|` -]*)(?P<name>[A-Z]\w+)(?: {2,}|$)")


def drawn_tree(text: str) -> dict[str, str | None]:
    """Name -> name of the parent, as the module's docstring draws them."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = DRAWN.match(line)
        if match is None:
            continue
        depth = len(match["indent"])
        path = [(at, name) for at, name in path if at < depth]
        parents[match["name"]] = path[-1][1] if path else None
        path.append((depth, match["name"]))
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    real = {kind.__name__: None if kind is DriftgateError else kind.__mro__[1].__name__ for kind in EVERY}

    assert drawn_tree(inspect.getdoc(errors) or "") == real


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_whole(kind: type[DriftgateError]) -> None:
    error = kind("say what to do", field="gates.margin")

    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.message, again.field, str(again)) == (kind, "say what to do", "gates.margin", "say what to do")


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_means(kind: type[DriftgateError]) -> None:
    assert kind.__dict__["__doc__"]


def test_an_error_needs_no_field() -> None:
    assert DriftgateError("no").field is None
