"""driftgate.toml, read once and validated: the settings that everything else is handed."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidRequest, ModelNotFound
from driftgate.lifecycle.plan import Estimator, ModelPlan, Source, Threshold, Window
from driftgate.lifecycle.policy import Policy
from driftgate.service.settings_errors import Problem, problems
from driftgate.service.settings_gates import suggestion
from driftgate.service.settings_models import ModelName, ModelTable, SourceTable
from driftgate.service.settings_oidc import AccessTable
from driftgate.service.settings_secrets import masked, resolved
from driftgate.service.settings_tables import StorageTable, Table, driven, refuse
from driftgate.service.settings_traffic import AlertsTable

FILE_NAME = "driftgate.toml"
STATE_FOLDER = ".driftgate"


class SettingsFile(Table):
    """The whole file."""

    storage: StorageTable = Field(default_factory=StorageTable)
    service: AccessTable = Field(default_factory=AccessTable)
    alerts: AlertsTable = Field(default_factory=AlertsTable)
    models: dict[ModelName, ModelTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _hashes_with_a_key(self) -> "SettingsFile":
        hashing = [name for name, model in self.models.items() if model.payloads.hash]
        if hashing and self.storage.hash_key is None:
            refuse([(f"models.{name}.payloads.hash", 'needs a key: set storage.hash_key = "env:NAME"') for name in hashing])
        return self

    @model_validator(mode="after")
    def _rules_that_can_fit(self) -> "SettingsFile":
        problems, names = [], tuple(self.models)
        for place, rule in enumerate(self.alerts.rules, start=1):
            key = f"alerts.rules[{place}]"
            unknown = [name for name in rule.models if name not in names]
            problems += [(f"{key}.models", f'names "{name}", and there is no such model{suggestion(name, names)}') for name in unknown]
            if rule.mode != "off" and not (rule.channels or self.alerts.channels):
                problems.append((f"{key}.channels", "is needed, because alerts.channels is empty"))
            before = next((n for n, each in enumerate(self.alerts.rules[: place - 1], start=1) if each.covers(rule)), None)
            if before is not None:
                problems.append((key, f"can never count, because alerts.rules[{before}] fits whatever it fits"))
        if problems:
            refuse(problems)
        return self


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one project. Paths and SQLite URLs are absolute, references to secrets are resolved."""

    project: Path
    storage: StorageTable
    service: AccessTable
    alerts: AlertsTable
    models: Mapping[str, ModelTable]

    @property
    def state(self) -> Path:
        """The folder of everything that Driftgate keeps in the project."""
        return self.project / STATE_FOLDER

    def model(self, name: str | None = None) -> str:
        """The name of the model meant: the given one, or the only one. Raises ModelNotFound, or asks for --model."""
        names = tuple(self.models)
        if name is None and len(names) == 1:
            return names[0]
        if name is None:
            raise InvalidRequest(f"{FILE_NAME} declares {len(names)} models: say which with --model ({', '.join(names)})", field="model")
        if name not in self.models:
            raise ModelNotFound(f'there is no model "{name}" in {FILE_NAME}, which declares {", ".join(names)}{suggestion(name, names)}')
        return name

    def plan(self, name: str, data: Path | None = None) -> ModelPlan:
        """How a version of the model is made; `data`: a file in place of the declared source, with the same separator."""
        table = self.models[self.model(name)]
        threshold = table.threshold
        return ModelPlan(
            model=name,
            source=self._source(table.source, data),
            target=table.target,
            task=table.task,
            positive=table.positive,
            entity=table.entity,
            time=table.time,
            features=table.features,
            drop=table.drop,
            kinds=dict(table.kinds),
            holdout=table.holdout,
            window=Window(table.window.months, table.window.rows),
            estimator=Estimator(table.estimator.name, dict(table.estimator.params)),
            threshold=Threshold(0.5 if threshold.value is None else threshold.value, threshold.goal, threshold.target),
            recalibration=table.recalibration,
            seed=table.seed,
        )

    def policy(self, name: str) -> Policy:
        """The limits that the file proposes for the model."""
        limits = self.models[self.model(name)].gates
        return Policy(**{**limits.model_dump(), "floors": dict(limits.floors)})

    def tests(self, name: str) -> tuple[Path, ...]:
        """The user's own test files of the model."""
        return tuple(self.project / path for path in self.models[self.model(name)].gates.tests)

    def _source(self, source: SourceTable, data: Path | None) -> Source:
        if data is None:
            return Source(path=source.path, url=source.url, query=source.query, separator=source.separator)
        found = data.absolute()
        path = found.relative_to(self.project) if found.is_relative_to(self.project) else found
        return Source(path=str(path), separator=source.separator)


def disclosed(source: Source, environment: Mapping[str, str] | None = None) -> Source:
    """The source with the URL that `env:NAME` or `secretsmanager://...` stands for. Raises InvalidConfiguration.

    Plans travel through durable workflows, whose inputs are stored: a secret joins only where the rows are about to be read.
    """
    if source.url is None:
        return source
    try:
        return replace(source, url=driven(resolved(source.url, os.environ if environment is None else environment)))
    except ValueError as error:
        raise InvalidConfiguration(f"source.url = {json.dumps(masked(source.url))}: {error}", field="source.url") from error


def load(project: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the project folder. Raises InvalidConfiguration that lists everything wrong, key by key."""
    result = read(project, environment)
    if isinstance(result, Settings):
        return result
    lines = "\n".join(f"  {problem}" for problem in result)
    count = "is wrong" if len(result) == 1 else f"has {len(result)} errors"
    raise InvalidConfiguration(f"{FILE_NAME} {count}:\n{lines}", field=result[0].key or None)


def read(project: Path, environment: Mapping[str, str] | None = None) -> Settings | tuple[Problem, ...]:
    """The settings, or every problem of the file."""
    project = project.absolute()
    data = _parsed(project)
    if isinstance(data, Problem):
        return (data,)
    context = {"environment": os.environ if environment is None else environment}
    try:
        # As JSON, so that exact types still let text name an enum member and a list fill a tuple.
        content = SettingsFile.model_validate_json(json.dumps(data, default=str), context=context)
    except ValidationError as error:
        return problems(error, SettingsFile, data)
    return Settings(project, _anchored(content.storage, project), content.service, content.alerts, content.models)


def _parsed(project: Path) -> dict[str, Any] | Problem:
    path = project / FILE_NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Problem(
            "",
            f"there is no {FILE_NAME} in {project}: run `driftgate init --data FILE --target COL` there, or name the folder with --project",
        )
    except UnicodeDecodeError as error:
        return Problem("", f"{path} is not UTF-8 text (byte {error.start})")
    except tomllib.TOMLDecodeError as error:
        return Problem("", f"{path} is not TOML: {error}")
    except OSError as error:
        return Problem("", f"{path} cannot be read: {error.strerror}")


def anchored_url(url: str, project: Path) -> str:
    """The URL; a relative SQLite file in it is made relative to the project folder."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.removeprefix(prefix).startswith(("/", ":memory:")):
        return url
    return f"{prefix}{project / url.removeprefix(prefix)}"


def _anchored(storage: StorageTable, project: Path) -> StorageTable:
    folders = {
        key: value if "://" in value else str(project / value)
        for key, value in (("mlflow_artifacts", storage.mlflow_artifacts), ("objects", storage.objects), ("outbox", storage.outbox))
    }
    urls = {
        key: anchored_url(value, project)
        for key, value in (("database", storage.database), ("mlflow", storage.mlflow), ("workflows", storage.workflows))
    }
    return storage.model_copy(update={**folders, **urls})
