"""Whether driftgate.toml proposes what is in force: asked without creating or changing anything."""

from collections.abc import Iterator
from pathlib import Path

from driftgate.lifecycle.errors import DriftgateError, Unavailable
from driftgate.service.settings import Settings

SQLITE = "sqlite:///"


def differences(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """For each model its key, whether file and force differ, and a sentence; nothing where the ledger cannot be asked.

    That it cannot is told by the check of the database itself.
    """
    from driftgate.registry.ledger import SqlLedger
    from driftgate.service.database import connect
    from driftgate.service.policies import standing

    url = settings.storage.database
    if url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).exists():
        return
    engine = connect(url)
    try:
        for name in settings.models:
            found = standing(name, settings.policy(name), SqlLedger(engine))
            key = f"models.{name}.gates"
            if found["policy"] is None:
                yield key, False, "no policy is in force yet: the first decision applies these limits"
            elif found["changes"]:
                fields = ", ".join(f"{each['field']}{' (looser)' if each['looser'] else ''}" for each in found["changes"])
                words = f"is a proposal that differs from policy {found['number']}, which rules: {fields}; driftgate policy apply"
                yield key, True, words
            else:
                yield key, False, f"is policy {found['number']}, in force"
    except Unavailable:
        return
    except DriftgateError as error:
        yield "models", True, error.message
    finally:
        engine.dispose()
