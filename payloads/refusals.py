"""Telling a row that a database refuses from a database that does not answer."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

# Another process was first: the row itself is fine.
REPEATS = frozenset({"23505", "1062", "1555", "2067"})

# Drivers call these errors of operation, though they are the row's: Postgres' program limits (an index entry too large) by the
# start of their code; of MySQL and MariaDB a packet too large, text that is not UTF-8 or not JSON, and a failed check.
LIMITS = "54"
OF_THE_ROW = frozenset({"1153", "1300", "3140", "3141", "3819", "4025"})


def is_refusal(error: SQLAlchemyError) -> bool:
    """Whether trying the same row again is hopeless: the database took exception to what the row holds."""
    if not isinstance(error, DBAPIError):
        # A value that could not even be handed to the driver.
        return isinstance(error, StatementError)
    if error.connection_invalidated:
        return False
    code = _code(error.orig)
    return code not in REPEATS and (isinstance(error, DataError | IntegrityError) or code.startswith(LIMITS) or code in OF_THE_ROW)


def _code(error: BaseException | None) -> str:
    """Postgres' SQLSTATE, MySQL's number, or SQLite's extended code."""
    known = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorcode", None)
    if known is None and error is not None and error.args:
        known = error.args[0]
    return str(known)
