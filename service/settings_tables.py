"""The tables `[storage]` and `[service]` of driftgate.toml, and what every table has in common."""

import ipaddress
from typing import Annotated, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from driftgate.service.settings_secrets import is_reference, resolved

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
"""The databases that Driftgate's own tables can live in."""

SHORTEST_KEY = 16
"""A key that can be guessed lets everybody try values until a hash fits."""

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


class Table(BaseModel):
    """A table of driftgate.toml: frozen, exact types, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


def refuse(problems: list[tuple[str, str]]) -> NoReturn:
    """Raises one validation error that holds several (key below this table, sentence) pairs."""
    raise PydanticCustomError("several", "{problems}", {"problems": problems})


def _reference(value: str, info: ValidationInfo) -> str:
    environment = (info.context or {}).get("environment", {})
    return resolved(value, environment)


def dialect(url: str) -> str:
    """The part of a URL before `://` and before any driver: `postgresql` of `postgresql+psycopg://host/db`."""
    return url.partition("://")[0].partition("+")[0] if "://" in url else ""


def driven(url: str) -> str:
    """The SQLAlchemy URL with the driver that Driftgate installs, where the URL names none."""
    scheme, mark, rest = url.partition("://")
    return f"{_DRIVERS.get(scheme, scheme)}{mark}{rest}"


def _of_dialects(url: str, allowed: tuple[str, ...]) -> str:
    url = driven(url)
    if dialect(url) not in allowed:
        words = ", ".join(f"{name}://..." for name in allowed)
        raise ValueError(f'must be one of {words} (or "env:NAME" or "secretsmanager://name#key" holding one)')
    if dialect(url) == "sqlite" and not url.startswith("sqlite:///"):
        raise ValueError("must have three slashes, then the file: sqlite:///folder/file.db (four for an absolute path)")
    return url


def _database(url: str) -> str:
    return _of_dialects(url, DIALECTS)


def _tracking(url: str) -> str:
    return _of_dialects(url, ("sqlite", "http", "https", "postgresql", "mysql", "mariadb"))


def _workflows(url: str) -> str:
    if dialect(url) in ("mysql", "mariadb"):
        raise ValueError("must be sqlite:///... (one worker) or postgresql://... (many): durable workflows cannot live in MySQL")
    return _of_dialects(url, ("sqlite", "postgresql"))


def _folder_or_bucket(value: str) -> str:
    if value.startswith("s3://") and not value.removeprefix("s3://").strip("/"):
        raise ValueError("must name a bucket: s3://bucket/prefix")
    if "://" in value and not value.startswith("s3://"):
        raise ValueError("must be a folder or s3://bucket/prefix")
    return value


def _web(value: str) -> str:
    if dialect(value) not in ("http", "https") or not value.partition("://")[2]:
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _secret_key(value: str, info: ValidationInfo) -> str:
    if not is_reference(value):
        # Not a ValueError, which would be told with the value.
        refuse([("", 'must be "env:NAME" or "secretsmanager://name#key": the key itself never stands in driftgate.toml')])
    found = _reference(value, info)
    if len(found) < SHORTEST_KEY:
        raise ValueError(f"must refer to a key of at least {SHORTEST_KEY} characters, such as `openssl rand -hex 32` prints")
    return found


Reference = Annotated[str, Field(min_length=1), AfterValidator(_reference)]
Database = Annotated[Reference, AfterValidator(_database)]
TrackingAddress = Annotated[Reference, AfterValidator(_tracking)]
WorkflowDatabase = Annotated[Reference, AfterValidator(_workflows)]
FolderOrBucket = Annotated[Reference, AfterValidator(_folder_or_bucket)]
SecretKey = Annotated[str, AfterValidator(_secret_key)]
WebAddress = Annotated[Reference, AfterValidator(_web)]
FilePath = Annotated[str, Field(min_length=1)]


class StorageTable(Table):
    """Where everything is kept. Relative paths are relative to the project folder."""

    database: Database = Field(default="sqlite:///.driftgate/driftgate.db", repr=False)
    mlflow: TrackingAddress = Field(default="sqlite:///.driftgate/mlflow.db", repr=False)
    mlflow_artifacts: FolderOrBucket = ".driftgate/mlartifacts"
    objects: FolderOrBucket = ".driftgate/objects"
    s3_endpoint: WebAddress | None = None
    outbox: FilePath = ".driftgate/outbox.db"
    outbox_rows: Annotated[int, Field(ge=1)] = 1_000_000
    outbox_full: Literal["refuse", "unlogged"] = "refuse"
    sinks: Annotated[tuple[Literal["sql", "objects"], ...], Field(min_length=1)] = ("sql", "objects")
    hash_key: SecretKey | None = Field(default=None, repr=False)
    ledger_key: SecretKey | None = Field(default=None, repr=False)
    ledger_former_keys: Annotated[tuple[SecretKey, ...], Field(repr=False)] = ()
    workflows: WorkflowDatabase = Field(default="sqlite:///.driftgate/workflows.db", repr=False)


PerMinute = Annotated[int, Field(ge=1, le=10_000_000)]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceTable(Table):
    """How the API listens, and where the command line finds it."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 8000
    mlflow_ui: Port = 5000
    url: WebAddress | None = None
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = 10.0
    auth: Literal["none", "token"] = "none"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    max_instances: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    max_batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 512
    max_waiting_rows: Annotated[int, Field(ge=1)] = 20_000
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    session_idle_minutes: Annotated[float, Field(ge=5, le=43_200)] = 60.0
    requests_per_minute: PerMinute | None = 1_200
    predictions_per_minute: PerMinute | None = None
    failed_sign_ins_per_minute: PerMinute = 10

    @model_validator(mode="after")
    def _open_only_to_this_machine(self) -> "ServiceTable":
        problems = []
        if self.auth == "none" and not is_loopback(self.host):
            problems.append(
                ("auth", f'must be "token" where host is {self.host!r}: without tokens only 127.0.0.1, ::1 and localhost are allowed')
            )
        if self.port == self.mlflow_ui:
            problems.append(("mlflow_ui", f"must differ from port, which is {self.port} too"))
        if problems:
            refuse(problems)
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
