"""The documentation cannot lie: commands, options, routes, roles, errors and links are compared with the code."""

import importlib
import pkgutil
import re
import shlex
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.ledger import State
from driftgate.lifecycle.policy_changes import RULES
from driftgate.service import http
from driftgate.service.cli.main import cli, exit_code
from driftgate.service.http.bodies import Body
from driftgate.service.http.problems import status_of
from driftgate.service.settings import FILE_NAME, load

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS_PAGE = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
HTTP_PAGE = (DOCS / "reference/http.md").read_text(encoding="utf-8")


# Limits


def test_every_limit_of_the_policy_is_documented_with_what_loosens_it_and_no_other() -> None:
    table = sections((DOCS / "discussions/policy.md").read_text(encoding="utf-8"), "##")["What is looser"]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(RULES)


# Commands


def leaves(group: click.Group, before: str = "driftgate") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


COMMANDS = dict(leaves(cli))


def sections(text: str, mark: str) -> dict[str, str]:
    """Heading (without back quotes) -> the text below it, up to the next heading of any level."""
    found = re.split(r"^(#+ .+)$", text, flags=re.MULTILINE)
    pairs = zip(found[1::2], found[2::2], strict=True)
    return {heading[len(mark) + 1 :].strip("`"): body for heading, body in pairs if heading.startswith(f"{mark} ")}


COMMAND_SECTIONS = {name: body for name, body in sections(COMMANDS_PAGE, "##").items() if name.startswith("driftgate")}


def parameters(command: click.Command) -> set[str]:
    """Options by every name they have, arguments by their metavar."""
    names: set[str] = set()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            names |= {*parameter.opts, *parameter.secondary_opts}
        else:
            names.add(str(parameter.name).upper())
    return names


def told_parameters(section: str) -> set[str]:
    """The words in back quotes in the first column of the tables, without what an option takes."""
    cells = re.findall(r"^\| (`.*?`) \| .+ \|$", section, flags=re.MULTILINE)
    return {name.split(" ")[0] for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_command_is_documented_and_no_other() -> None:
    assert set(COMMAND_SECTIONS) == {"driftgate", *COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(name: str) -> None:
    assert told_parameters(COMMAND_SECTIONS.get(name, "")) == parameters(COMMANDS[name])


def test_every_global_option_is_documented_and_no_other() -> None:
    told = told_parameters(COMMAND_SECTIONS["driftgate"])

    assert told == {*parameters(cli), *cli.context_settings["help_option_names"]}


def test_the_choices_of_an_option_are_documented() -> None:
    choices = [
        (name, choice)
        for name, command in COMMANDS.items()
        for parameter in command.params
        if isinstance(parameter.type, click.Choice)
        for choice in parameter.type.choices
    ]

    assert [(name, choice) for name, choice in choices if choice not in COMMAND_SECTIONS[name]] == []


def literals() -> str:
    """The source of everything that makes a document."""
    service = ROOT / "service"
    paths = [
        *(service / f"{name}.py" for name in ("documents", "standing", "scoring", "volume", "notices", "impact", "anchoring", "policies")),
        service / "backtesting/running.py",
        *(service / "cli").glob("*.py"),
        *(ROOT / "lifecycle").glob("*.py"),
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_every_documented_json_key_is_written_by_the_code() -> None:
    lines = re.findall(r"^\| `--json` \| keys: (.+) \|$", COMMANDS_PAGE, flags=re.MULTILINE)
    keys = {key for line in lines for key in re.findall(r"`(\w+)`", line)}
    code = literals() + '"mae" "rmse" "ok" "warn" "error"'

    # A key is a literal in a document, or a field of a value that is written as it is.
    unknown = {key for key in keys if not re.search(rf'"{key}"|^    {key}:', code, flags=re.MULTILINE)}

    assert len(lines) > 10
    assert unknown == set()


# What pages tell people to type


def typed(page: Path) -> Iterator[str]:
    """The shell lines in the fenced blocks of a page that people are to type, continued lines joined."""
    text = page.read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        if language not in {"sh", "console"}:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if language == "sh" or line.startswith("$ "):
                yield from (part.strip() for part in re.split(r"&&|\|\|?|;|#\s", line.removeprefix("$ ")))


def lines_typed(first: str) -> list[tuple[str, str]]:
    return [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in typed(page) if re.search(rf"(^|\s){first}\s", line)]


def mistake(line: str) -> str | None:
    """Why click would not take the line; None where it would."""
    words = shlex.split(line)
    words = words[next(index for index, word in enumerate(words) if word.endswith("driftgate")) + 1 :]
    try:
        command: click.Command = cli
        context = cli.make_context("driftgate", list(words), resilient_parsing=False)
        while isinstance(command, click.Group):
            _, found, rest = command.resolve_command(context, context._protected_args + context.args)
            assert found is not None
            command = found
            context = command.make_context(command.name, rest, parent=context)
    except click.exceptions.Exit:
        return None
    except click.ClickException as error:
        return error.format_message()
    return None


def test_every_driftgate_line_of_the_docs_is_one_that_the_command_takes() -> None:
    lines = lines_typed("driftgate")

    wrong = [(page, line, why) for page, line in lines if not line.startswith("mlflow") and (why := mistake(line))]

    assert len(lines) > 20
    assert wrong == []


def test_every_make_target_of_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

    told = {word for _, line in lines_typed("make") for word in line.split()[1:] if word.islower() and "=" not in word}

    assert "demo" in told
    assert told <= targets


def test_every_mlflow_run_of_the_docs_names_an_entry_point_and_its_parameters() -> None:
    project = (ROOT / "MLproject").read_text(encoding="utf-8")
    points = dict(re.findall(r"^  (\w+):\n((?:    .*\n?)+)", project, flags=re.MULTILINE))
    lines = [line for _, line in lines_typed("mlflow run")]

    used = [(re.search(r"-e (\w+)", line), re.findall(r"-P (\w+)=", line)) for line in lines]

    assert lines
    assert [name for match, names in used if match for name in names if f"{name}: {{" not in points[match[1]]] == []


def test_the_readme_shows_a_newcomer_both_commands() -> None:
    lines = set(typed(ROOT / "README.md"))

    assert {"make demo", "make test", "make demo ARGS=--exit", "make install"} <= lines


def settings_shown() -> list[tuple[str, str]]:
    """The blocks of TOML that are a whole `driftgate.toml`."""
    blocks = [
        (page.name, block)
        for page in PAGES
        for block in re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    ]
    return [(page, block) for page, block in blocks if "source = " in block]


@pytest.mark.parametrize(("page", "block"), settings_shown())
def test_a_configuration_in_the_docs_is_one_that_can_be_read(page: str, block: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(block, encoding="utf-8")
    environment = {name: f"postgresql://driftgate@postgres/{name}" for name in re.findall(r"env:(\w+)", block)}

    found = load(tmp_path, environment)

    assert found.models, page


# Routes


def routers() -> Iterator[APIRouter]:
    """Every router of the HTTP package, found without wiring anything."""
    for info in pkgutil.iter_modules(http.__path__):
        module = importlib.import_module(f"{http.__name__}.{info.name}")
        yield from (value for value in vars(module).values() if isinstance(value, APIRouter))


ROUTES = {
    f"{method} {route.path}": route
    for router in routers()
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}
ROUTE_SECTIONS = {name: body for name, body in sections(HTTP_PAGE, "###").items() if re.match(r"[A-Z]+ /", name)}


def roles(dependant: Dependant) -> Iterator[str]:
    role = getattr(dependant.call, "role", None)
    if role is not None:
        yield role.name.lower()
    for inner in dependant.dependencies:
        yield from roles(inner)


def test_every_route_is_documented_and_no_other() -> None:
    assert set(ROUTE_SECTIONS) == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_is_documented_with_its_role_and_status(name: str) -> None:
    route = ROUTES[name]
    (role,) = list(roles(route.dependant)) or ["none"]

    assert ROUTE_SECTIONS[name].lstrip().startswith(f"Role: {role}. Answers {route.status_code or 200}.")


def body_fields(annotation: object) -> Iterator[str]:
    """The keys of a request body and of the bodies in it."""
    if isinstance(annotation, type) and issubclass(annotation, Body):
        for name, field in annotation.model_fields.items():
            yield name
            yield from body_fields(field.annotation)
    else:
        for inner in typing.get_args(annotation):
            yield from body_fields(inner)


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_is_documented_with_every_key_of_its_body(name: str) -> None:
    hints = typing.get_type_hints(ROUTES[name].endpoint)

    keys = [key for annotation in hints.values() for key in body_fields(annotation)]

    assert [key for key in keys if not re.search(rf'[`"]{key}[`"]', ROUTE_SECTIONS[name])] == []


def error_classes(kind: type[DriftgateError]) -> Iterator[type[DriftgateError]]:
    yield kind
    for heir in kind.__subclasses__():
        if heir.__module__ == DriftgateError.__module__:
            yield from error_classes(heir)


def test_every_error_is_documented_with_its_status_and_exit_code() -> None:
    told = {
        name: (int(status), int(code))
        for name, status, code in re.findall(r"^\| `(\w+)` \| (\d{3}) \| (\d) \|$", HTTP_PAGE, flags=re.MULTILINE)
    }

    assert told == {kind.__name__: (status_of(kind), exit_code(kind("why"))) for kind in error_classes(DriftgateError)}


def test_every_promotion_state_is_documented_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \|", sections(HTTP_PAGE, "##")["Promotion states"], flags=re.MULTILINE)

    assert sorted(told) == sorted(State)


# Links


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Local links outside fenced blocks: the file they name (the page itself where they name none) and the anchor."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            path, _, anchor = target.partition("#")
            yield ((page.parent / path).resolve() if path else page), anchor


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_to_a_heading_in_it() -> None:
    wrong = []
    for page in PAGES:
        for target, anchor in links(page):
            if not target.exists() or (anchor and anchor not in anchors(target)):
                wrong.append(f"{page.relative_to(ROOT)}: {target.name}#{anchor}")

    assert wrong == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.is_relative_to(DOCS):
            reached.add(page)
            waiting += [target for target, _ in links(page)] if page.suffix == ".md" else []

    assert sorted(path.relative_to(DOCS).as_posix() for path in set(DOCS.rglob("*")) - reached if path.is_file()) == []
