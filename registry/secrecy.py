"""Text without MLflow's credentials: what a server or a library echoes must reach no caller, log or report."""

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
SHORTEST = 4
"""Shorter passwords are words of every other sentence, and no secret either."""

USER, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
USER_INFO = re.compile(r"(?<=://)[^\s/@'\"]+@")
CREDENTIALS = re.compile(r"(?i)\b(Basic|Bearer)\s+[A-Za-z0-9._~+/=-]{8,}")

_learned: set[str] = set()


def learn(address: str) -> None:
    """Has the credentials of an address hidden in this process from now on: whoever connects to one learns it here."""
    if _of_address(address) is not None:
        _learned.add(address)


def hidden(text: str, addresses: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> str:
    """The text without the credentials of MLflow's environment variables, of the addresses and of those learned, in whatever form.

    Whatever looks like credentials in an address or a header goes too, whosever they are. Users' names stay, but for those in addresses.
    """
    found = sorted(set(_secrets((*addresses, *tuple(_learned)), os.environ if environment is None else environment)), key=len, reverse=True)
    if found:
        words = "|".join(re.escape(secret) for secret in found)
        text = re.sub(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", HIDDEN, text)
    return CREDENTIALS.sub(rf"\1 {HIDDEN}", USER_INFO.sub("", text))


def _secrets(addresses: Iterable[str], environment: Mapping[str, str]) -> Iterator[str]:
    pairs = [(environment.get(USER, ""), environment.get(PASSWORD, "")), ("", environment.get(TOKEN, ""))]
    pairs += [pair for address in addresses if (pair := _of_address(address)) is not None]
    for user, secret in pairs:
        for form in {secret, unquote(secret)}:
            if len(form) >= SHORTEST:
                yield form
                yield base64.b64encode(f"{unquote(user)}:{form}".encode()).decode()


def _of_address(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return (parts.username or "", parts.password) if parts.password else None
