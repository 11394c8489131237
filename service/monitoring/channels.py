"""Which alarms go where: the rules of `[[alerts.rules]]`, and channels under names that hold no secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from driftgate.lifecycle.findings import Monitor
from driftgate.service.settings_monitoring import RuleTable
from driftgate.service.settings_traffic import AlertsTable


@dataclass(frozen=True, slots=True)
class Route:
    """Where the alarms of one monitor of one model go: `mode` is `now`, `digest` or `off`; `channels` are addresses."""

    mode: str
    channels: tuple[str, ...]
    cooldown: timedelta


@dataclass(frozen=True)
class Channels:
    """The channels and rules of `[alerts]`."""

    alerts: AlertsTable

    def route(self, model: str, monitor: Monitor | None) -> Route:
        """By the first rule that fits; without one: every channel, at once. `monitor` None: only rules for all monitors fit."""
        rule = next((rule for rule in self.alerts.rules if _fits(rule, model, monitor)), RuleTable())
        hours = self.alerts.cooldown_hours if rule.cooldown_hours is None else rule.cooldown_hours
        channels = () if rule.mode == "off" else rule.channels or self.alerts.channels
        return Route(rule.mode, channels, timedelta(hours=hours))

    @cached_property
    def named(self) -> Mapping[str, str]:
        """Name -> address, of every channel that is declared anywhere.

        A name is the address as people may see it. Where two look alike, the later ones are numbered, so that a message that waits
        in the book finds its channel again without the book holding a secret.
        """
        from driftgate.service.notices import shown

        found: dict[str, str] = {}
        for address in self._declared():
            seen = name = shown(address)
            count = 1
            while name in found:
                count += 1
                name = f"{seen} ({count})"
            found[name] = address
        return found

    def names(self, addresses: Sequence[str]) -> Sequence[str]:
        """The names of the addresses, in order, each once."""
        by_address = {address: name for name, address in self.named.items()}
        return [by_address[address] for address in dict.fromkeys(addresses)]

    def _declared(self) -> Sequence[str]:
        every = (*self.alerts.channels, *(address for rule in self.alerts.rules for address in rule.channels))
        return list(dict.fromkeys(every))


def _fits(rule: RuleTable, model: str, monitor: Monitor | None) -> bool:
    return (not rule.models or model in rule.models) and (not rule.monitors or monitor in rule.monitors)
