"""One error tree.

DriftgateError                     everything Driftgate raises on purpose
|-- InvalidConfiguration           driftgate.toml, a flag or an environment variable is wrong
|-- InvalidRequest                 a request (HTTP body, command argument) is wrong; names the field
|-- InvalidData                    rows that cannot be used: no file, no target, one class, ...
|-- NotFound                       the named thing does not exist
|   |-- ModelNotFound
|   |-- VersionNotFound
|   |-- PromotionNotFound
|   |-- ReportNotFound
|   |-- PassNotFound
|   `-- JobNotFound
|-- Conflict                       the world is not as the caller expects
|   |-- ChampionMoved              the champion is not the expected one
|   |-- RolloutMoved               the roll-out is not at the expected stage, or another one is on its way
|   |-- NoChampion                 nothing serves yet
|   |-- KeyReused                  an idempotency key came back with another request
|   |-- WrongState                 the promotion is not in a state that allows this
|   `-- Busy                       another process holds the project
|-- Forbidden                      this actor may not do this
|   `-- Unauthenticated            no token, or a wrong one
|-- RateLimited                    the caller asks more often than it may
|-- IntegrityError                 recorded and found differ: refuse
|   |-- DigestMismatch             an artifact's bytes are not those registered
|   `-- LedgerBroken               the hash chain does not hold
`-- Unavailable                    a store or service did not answer; trying again may help
    |-- RegistryUnavailable        MLflow
    |-- StoreUnavailable           SQL or the object store
    `-- Overloaded                 more work waits than may wait: the outbox or the line before a model is full

A failed gate is a recorded verdict, never an exception. An exception means that no judgement was possible.
"""


class DriftgateError(Exception):
    """What went wrong, in a sentence that says what to do; `field` names the key or field at fault, if there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        # Durable workflows pickle errors; the default protocol would lose the keyword argument.
        return (_rebuild, (type(self), self.message, self.field))


def _rebuild(kind: type[DriftgateError], message: str, field: str | None) -> DriftgateError:
    return kind(message, field=field)


class InvalidConfiguration(DriftgateError):
    """driftgate.toml, a flag or an environment variable is wrong."""


class InvalidRequest(DriftgateError):
    """A request is wrong; `field` names where."""


class InvalidData(DriftgateError):
    """Rows that cannot be used; `field` names the column, if one is at fault."""


class NotFound(DriftgateError):
    """The named thing does not exist."""


class ModelNotFound(NotFound):
    """No model of that name is declared."""


class VersionNotFound(NotFound):
    """The model has no such version."""


class PromotionNotFound(NotFound):
    """No promotion has that id."""


class ReportNotFound(NotFound):
    """No report has that id."""


class PassNotFound(NotFound):
    """No monitoring pass has that id."""


class JobNotFound(NotFound):
    """No job has that id."""


class Conflict(DriftgateError):
    """The world is not as the caller expects."""


class ChampionMoved(Conflict):
    """The champion is not the one the request expects."""


class RolloutMoved(Conflict):
    """The roll-out is not at the stage that a step expects, or another one is on its way."""


class NoChampion(Conflict):
    """Nothing serves yet."""


class KeyReused(Conflict):
    """An idempotency key came back with a different request."""


class WrongState(Conflict):
    """The promotion is not in a state that allows this."""


class Busy(Conflict):
    """Another process holds the project."""


class Forbidden(DriftgateError):
    """This actor may not do this."""


class Unauthenticated(Forbidden):
    """No token, or one that is unknown, expired or revoked."""


class RateLimited(DriftgateError):
    """The caller asks more often than it may; `retry_after`: seconds until it may again."""

    def __init__(self, message: str, *, field: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after


class IntegrityError(DriftgateError):
    """What was recorded and what was found differ."""


class DigestMismatch(IntegrityError):
    """An artifact's bytes are not those that were registered."""


class LedgerBroken(IntegrityError):
    """The hash chain of the ledger does not hold."""


class Unavailable(DriftgateError):
    """A store or service did not answer; trying again may help."""


class RegistryUnavailable(Unavailable):
    """MLflow did not answer."""


class StoreUnavailable(Unavailable):
    """SQL or the object store did not answer."""


class Overloaded(Unavailable):
    """More waits than may wait, and taking more would lose some."""
