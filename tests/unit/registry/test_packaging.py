from importlib.metadata import version

from driftgate.registry.packaging import ALWAYS, requirements


def test_requirements_pin_what_the_pickle_names_and_what_every_model_needs():
    found = requirements({"sklearn", "xgboost", "yaml"})

    assert {f"xgboost=={version('xgboost')}", f"PyYAML=={version('PyYAML')}"} <= set(found)
    assert {line.partition("==")[0] for line in found} == {*ALWAYS, "xgboost", "PyYAML"}
    assert found == sorted(found)


def test_modules_that_nothing_could_install_are_left_out():
    assert requirements({"builtins", "collections", "__main__", "my_own_file"}) == requirements(set())
