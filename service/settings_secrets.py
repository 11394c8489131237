"""References to secrets: `env:NAME` and `secretsmanager://name#key`. A secret itself never stands in driftgate.toml."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

ENVIRONMENT = "env:"
SECRETS_MANAGER = "secretsmanager://"

_PASSWORD = re.compile(r"(://[^\s/@:]*:)[^\s/@]+(@)")
_PERHAPS_PASSWORD = re.compile(r"(://[^\s/@:]*:)[^\s\"]+(@)")
"""Takes more than a password now and then: better that than to show half of one that holds an `@` or `/`."""


def resolved(value: str, environment: Mapping[str, str]) -> str:
    """The value, or what it refers to. Raises ValueError saying what is missing, or that a literal password is not allowed.

    `env:NAME` reads an environment variable; `secretsmanager://name#key` asks AWS Secrets Manager for one key of a JSON
    secret (without `#key`: for the whole text). Anything else is itself, and may not hold a password.
    """
    if value.startswith(ENVIRONMENT):
        return _from_environment(value.removeprefix(ENVIRONMENT), environment)
    if value.startswith(SECRETS_MANAGER):
        return _from_secrets_manager(value)
    return without_password(value)


def is_reference(value: str) -> bool:
    """Whether the value stands for another one that is kept elsewhere."""
    return value.startswith((ENVIRONMENT, SECRETS_MANAGER))


def without_password(value: str) -> str:
    """The value. Raises ValueError where it is a URL that holds a password."""
    if _holds_password(value):
        raise ValueError('must not hold a password: put the whole URL into an environment variable and write "env:NAME" here')
    return value


def masked(text: str) -> str:
    """The text with the passwords of its URLs replaced by `***`."""
    return _PERHAPS_PASSWORD.sub(r"\1***\2", text)


def _holds_password(value: str) -> bool:
    try:
        return bool(urlsplit(value).password) or bool(_PASSWORD.search(value))
    except ValueError:
        return bool(_PASSWORD.search(value))


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise ValueError(f"needs the environment variable {name!r}, which is not set or empty")
    return value


def _from_secrets_manager(reference: str) -> str:
    name, _, key = reference.removeprefix(SECRETS_MANAGER).partition("#")
    if not name:
        raise ValueError('must name a secret: "secretsmanager://name#key"')
    text = _secret_text(name)
    if not key:
        return text
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        # The cause is dropped on purpose: its text may quote the secret.
        raise ValueError(f"the secret {name!r} is not a JSON object with the key {key!r}") from None
    return str(value)


def _secret_text(name: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # The installed stubs cover S3 only.
        client: Any = boto3.client("secretsmanager")  # type: ignore[call-overload,unused-ignore]
        return str(client.get_secret_value(SecretId=name)["SecretString"])
    except (BotoCoreError, ClientError, KeyError) as error:
        raise ValueError(f"the secret {name!r} cannot be read from AWS Secrets Manager: {error}") from error
