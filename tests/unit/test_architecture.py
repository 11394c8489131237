"""What the shape of the repository promises. The import contracts themselves are checked by `make imports`."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = [line for group in PYPROJECT["project"].get("optional-dependencies", {}).values() for line in group]
NOT_INSTALLED = {"tests", "benchmarks", "docs", "deploy", "build", "dist", "demo"}
MOST_LINES = 350
COMPANIONS = {"starlette", "botocore", "pydantic-core", "pyyaml", "threadpoolctl"}
"""Parts of a declared dependency's own interface: of fastapi, boto3, pydantic, mlflow and scikit-learn."""

VAGUE = {"utils", "util", "helpers", "helper", "core", "base", "manager", "managers", "common", "misc"}
WORDS = (
    "model", "version", "snapshot", "candidate", "champion", "challenger", "heuristic", "arm", "payload", "outcome", "window",
    "finding", "gate", "evidence", "decision", "ledger", "policy", "degradation envelope",
)  # fmt: skip


def folders_with_code() -> list[str]:
    """Folders at the root that hold Python files at any depth and are meant to be installed."""
    named = (path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name not in NOT_INSTALLED)
    return sorted(path.name for path in named if next(path.rglob("*.py"), None))


def modules() -> list[Path]:
    return sorted(path for folder in folders_with_code() for path in (ROOT / folder).rglob("*.py"))


def layers() -> set[str]:
    """Names of the packages in the layers contract, without the `driftgate.` in front."""
    (contract,) = (each for each in PYPROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    return {name.strip().removeprefix("driftgate.") for line in contract["layers"] for name in line.split("|")}


def test_every_folder_with_code_is_in_a_layer() -> None:
    assert set(folders_with_code()) == layers()


def test_every_folder_with_code_is_a_root_of_the_import_contracts() -> None:
    roots = {name.removeprefix("driftgate.") for name in PYPROJECT["tool"]["importlinter"]["root_packages"]}

    assert set(folders_with_code()) == roots


def test_every_package_is_installed() -> None:
    packages = {
        f"driftgate.{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}" for path in modules() if path.name == "__init__.py"
    }

    assert packages <= set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_every_file_that_is_not_python_is_installed_too() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    forgotten = []
    for path in (path for folder in folders_with_code() for path in (ROOT / folder).rglob("*") if path.is_file()):
        package = max((parent for parent in path.parents if (parent / "__init__.py").exists()), key=lambda parent: len(parent.parts))
        wanted = [*patterns.get("*", []), *patterns.get(f"driftgate.{package.relative_to(ROOT).as_posix().replace('/', '.')}", [])]
        if path.suffix not in {".py", ".pyc"} and not any(path in set(package.glob(pattern)) for pattern in wanted):
            forgotten.append(path.relative_to(ROOT).as_posix())

    assert forgotten == []


def imported_names() -> set[str]:
    """Top-level names that any of our modules imports from outside the standard library, except for type checking only."""
    names: set[str] = set()
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
        checked_only = {inner for node in guarded for inner in ast.walk(node)}
        for node in (node for node in ast.walk(tree) if node not in checked_only):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"driftgate"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(group: list[str]) -> set[str]:
    return {normal(match[0]) for line in group if (match := re.match(r"[A-Za-z0-9._-]+", line))}


def test_every_imported_distribution_is_declared() -> None:
    allowed = declared(PYPROJECT["project"]["dependencies"]) | declared(OPTIONAL) | COMPANIONS
    providers = packages_distributions()

    undeclared = [name for name in imported_names() if not allowed & {normal(each) for each in providers.get(name, [])}]

    assert undeclared == []


def test_every_dependency_has_its_reason_in_the_docs() -> None:
    page = (ROOT / "docs" / "discussions" / "dependencies.md").read_text(encoding="utf-8")
    told = {normal(name) for name in re.findall(r"^\| ([A-Za-z0-9._-]+) \|", page, flags=re.MULTILINE)}
    every = declared(PYPROJECT["project"]["dependencies"]) | declared(OPTIONAL) | declared(PYPROJECT["dependency-groups"]["dev"])

    assert told - {"name", "---"} == every


def test_nothing_is_installed_but_driftgate() -> None:
    assert all(name.startswith("driftgate.") for name in PYPROJECT["tool"]["setuptools"]["packages"])


@pytest.mark.parametrize("folder", folders_with_code())
def test_every_installed_folder_says_that_it_is_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").exists()


def test_no_module_is_too_long() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}

    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_module_or_folder_has_a_vague_name() -> None:
    parts = {part.removesuffix(".py") for path in modules() for part in path.relative_to(ROOT).parts}
    words = {word for part in parts for word in part.split("_")}

    assert words & VAGUE == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = [path.relative_to(ROOT).as_posix() for path in modules() if not path.read_text(encoding="utf-8").lstrip().startswith('"""')]

    assert [name for name in silent if (ROOT / name).stat().st_size] == []


def test_the_glossary_defines_every_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\*\*([a-z ]+)\*\*", text, flags=re.MULTILINE)

    assert set(WORDS) <= set(entries)
    assert len(entries) == len(set(entries))


def test_the_glossary_is_in_alphabetical_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\*\*([a-z ]+)\*\*", text, flags=re.MULTILINE)

    assert entries == sorted(entries)


def test_every_local_link_in_the_docs_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))]

    broken = [f"{page.relative_to(ROOT)}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()]

    assert broken == []
