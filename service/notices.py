"""Messages to people, through the addresses of `[alerts] channels`: e-mail, SMS, chat, by Apprise."""

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    from apprise import NotifyBase

logger = logging.getLogger(__name__)

RETRIES = 2
WAIT_SECONDS = 1.0
AT_ONCE = 8
UNREADABLE = "Apprise cannot read this address: see the page of its service at https://appriseit.com/services/"

_SHORTEST_SECRET = 4
_GENERIC = "custom_"
"""What the modules of Apprise's plain webhooks begin with. Apprise shows their paths, which are often all there is of a secret."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one message on one channel. `channel`: its address without secrets; `problem`: why it was not delivered."""

    channel: str
    delivered: bool
    problem: str | None = None


def notify(settings: Settings, title: str, body: str, *, wait_seconds: float = WAIT_SECONDS) -> Sequence[Delivery]:
    """One delivery per configured channel, in order; nothing without channels. Never raises: see `send`."""
    return send(settings.alerts.channels, title, body, timeout=settings.alerts.timeout_seconds, wait_seconds=wait_seconds)


def send(channels: Sequence[str], title: str, body: str, *, timeout: float, wait_seconds: float = WAIT_SECONDS) -> Sequence[Delivery]:
    """One delivery per channel, in order. Never raises, and is safe in a thread.

    Channels are tried side by side, each again `RETRIES` times where it fails. The call lasts as long as its slowest channel:
    for each attempt and receiver there at most twice the timeout (seconds), and the waits between.
    """
    if not channels:
        return ()
    # Read here, one after the other: the first one makes Apprise load its services.
    services = [_service(channel, timeout, wait_seconds) for channel in channels]
    with ThreadPoolExecutor(min(AT_ONCE, len(channels)), thread_name_prefix="notice") as pool:
        return list(pool.map(lambda channel, service: _delivered(channel, service, title, body), channels, services))


def problem(address: str) -> str | None:
    """Why no message can go to the address, without a secret in it; None where Apprise can read it."""
    return None if _service(address, 1.0, 0.0) is not None else UNREADABLE


def shown(address: str) -> str:
    """The address as people may see it. Of one that cannot be read, only the part before `://`."""
    service = _service(address, 1.0, 0.0)
    return _unreadable(address) if service is None else _masked(service)


def require_channels(settings: Settings) -> None:
    """Raises InvalidConfiguration where there is no channel, or one that Apprise cannot read."""
    if not settings.alerts.channels:
        raise InvalidConfiguration(
            'alerts.channels is empty: give it an address, such as ["env:ALERTS_MAIL"] with mailto://... in it', field="alerts.channels"
        )
    for place, address in enumerate(settings.alerts.channels, start=1):
        why = problem(address)
        if why is not None:
            raise InvalidConfiguration(f"alerts.channels[{place}] ({shown(address)}): {why}", field="alerts.channels")


def _delivered(address: str, service: "NotifyBase | None", title: str, body: str) -> Delivery:
    from apprise import Apprise, NotifyFormat

    if service is None:
        return _failed(_unreadable(address), UNREADABLE)
    channel = _masked(service)
    try:
        apprise = Apprise(service, asset=service.asset)
        result = apprise.notify(body=body, title=" ".join(title.split()), body_format=NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - a message that cannot be sent must not stop the work it is about
        return _failed(channel, _scrubbed(f"{type(error).__name__}: {error}", address, channel))
    return Delivery(channel, delivered=True) if result else _failed(channel, _scrubbed(_reason(result), address, channel))


def _service(address: str, timeout: float, wait: float) -> "NotifyBase | None":
    """The address, read by Apprise, with the timeouts, retries and plain text that it does not set itself; None where it cannot be."""
    from apprise import Apprise, AppriseAsset, NotifyFormat

    # Its own lines quote tokens that it refuses; what it says of a delivery is read from the result.
    logging.getLogger("apprise").propagate = False
    # Nothing is kept on disk, and no key is made up for a mailbox.
    asset = AppriseAsset(
        app_id="Driftgate",
        app_desc="Driftgate",
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
        default_service_retry=RETRIES,
        default_service_wait=wait,
    )
    try:
        service = Apprise.instantiate(address, asset=asset)
    except Exception as error:  # noqa: BLE001 - plugins parse addresses in their own ways
        logger.debug("an address could not be read: %s", type(error).__name__)
        return None
    if service is None:
        return None
    given = {name.lower() for name in re.findall(r"[?&](\w+)=", address)}
    if "cto" not in given:
        service.socket_connect_timeout = timeout
    if "rto" not in given:
        service.socket_read_timeout = timeout
    if "format" not in given:
        service.notify_format = NotifyFormat.TEXT
    return service


def _masked(service: Any) -> str:
    # The query holds headers and tokens of plain webhooks, unmasked.
    masked = str(service.url(privacy=True)).partition("?")[0]
    if type(service).__module__.rpartition(".")[2].startswith(_GENERIC):
        scheme, _, rest = masked.partition("://")
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/..."
    return masked


def _unreadable(address: str) -> str:
    scheme, mark, _ = address.partition("://")
    return f"{scheme}://..." if mark and re.fullmatch(r"\w{1,20}", scheme) else "(not an address)"


def _failed(channel: str, why: str) -> Delivery:
    logger.warning("a message to %s was not delivered: %s", channel, why)
    return Delivery(channel, delivered=False, problem=why)


def _reason(result: Any) -> str:
    said = [str(entry.message).strip() for entry in result.logs()]
    # The last attempt's own words; Apprise says that it tries again in between.
    kept = [line for line in said if line and not line.startswith("Attempt ")]
    return kept[-1] if kept else f"Apprise reports {result.status.name.lower()}"


def _scrubbed(text: str, address: str, channel: str) -> str:
    """The text without any part of the address that its masked form hides."""
    raw = {part for given in (address, unquote(address)) for part in re.split(r"[^\w.%+-]+", given)}
    for part in sorted(raw | {unquote(part) for part in raw}, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET and part not in channel:
            text = text.replace(part, "***")
    return text
