"""The user's own estimators, `package.module:factory`, imported from the project's folder."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Task

_FIELD = "estimator.name"


def build(name: str, params: Mapping[str, Scalar], task: Task, seed: int, base: Path) -> Any:
    """The unfitted estimator that the factory returns for the parameters; its `random_state`, where it has one unset, is the seed.

    Raises InvalidConfiguration where it cannot be imported or called, or where the estimator lacks `fit`, `get_params` or what the task
    needs to predict.
    """
    factory = load(name, base)
    try:
        with importable(base):
            built = factory(**params)
    except Exception as error:
        raise InvalidConfiguration(f"{name} failed with {dict(params)}: {type(error).__name__}: {error}", field=_FIELD) from error
    needed = ("fit", "get_params", "predict" if task is Task.REGRESSION else "predict_proba")
    lacking = [method for method in needed if not callable(getattr(built, method, None))]
    if inspect.isclass(built) or lacking:
        what = (
            "a class, not an instance"
            if inspect.isclass(built)
            else f"something of type {type(built).__name__} without {', '.join(lacking)}"
        )
        raise InvalidConfiguration(
            f"{name} returned {what}: a scikit-learn compatible estimator for a {task.value} task is needed", field=_FIELD
        )
    unseeded = {key: seed for key, value in built.get_params(deep=True).items() if key.split("__")[-1] == "random_state" and value is None}
    return built.set_params(**unseeded) if unseeded else built


def load(name: str, base: Path) -> Callable[..., Any]:
    """The factory itself, read anew from its file. Raises InvalidConfiguration where it cannot be imported."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InvalidConfiguration(f"{name!r} is not of the form package.module:factory", field=_FIELD)
    with importable(base):
        _forget(module_name, base)
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise InvalidConfiguration(
                f"{module_name} cannot be imported from {base}: {type(error).__name__}: {error}", field=_FIELD
            ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise InvalidConfiguration(f"{module_name} has no function or class {attribute}", field=_FIELD)
    return factory  # type: ignore[no-any-return]  # narrowed by callable() above


@contextmanager
def importable(base: Path) -> Iterator[None]:
    """The project's folder is searched first for modules, inside the block."""
    folder = str(base.resolve())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


@contextmanager
def carried_in_pickles(base: Path) -> Iterator[None]:
    """Modules of the project's folder are pickled by value inside the block, so that a model loads where that folder is not."""
    import cloudpickle

    registered: list[ModuleType] = []
    for module in list(sys.modules.values()):
        if _belongs_to(module, base):
            cloudpickle.register_pickle_by_value(module)
            registered.append(module)
    try:
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _forget(module_name: str, base: Path) -> None:
    """Drops loaded modules of that package that are the project's, or that hide the project's own.

    A long-lived worker must fit with the code that is there now.
    """
    root = module_name.partition(".")[0]
    hides = (base / f"{root}.py").is_file() or (base / root).is_dir()
    for known in [each for each in sys.modules if each == root or each.startswith(f"{root}.")]:
        if root != "driftgate" and (hides or _belongs_to(sys.modules[known], base)):
            del sys.modules[known]


def _belongs_to(module: ModuleType, base: Path) -> bool:
    name = getattr(module, "__name__", "")
    location = getattr(module, "__file__", None)
    if not location or name == "__main__" or name.partition(".")[0] == "driftgate" or sys.modules.get(name) is not module:
        return False
    path = Path(location).resolve()
    return path.is_relative_to(base.resolve()) and not {"site-packages", "dist-packages"} & set(path.parts)
