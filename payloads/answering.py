"""Errors of the payload database by their own name."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from driftgate.lifecycle.errors import InvalidData, StoreUnavailable
from driftgate.payloads.refusals import is_refusal


@contextmanager
def answering() -> Iterator[None]:
    """Lets the block ask the database. Raises StoreUnavailable where it did not answer, InvalidData where it refused what it was given."""
    try:
        yield
    except SQLAlchemyError as error:
        if is_refusal(error):
            raise InvalidData(f"the payload database refuses this: {getattr(error, 'orig', None) or error}") from error
        raise StoreUnavailable(f"the payload database did not answer: {getattr(error, 'orig', None) or error}") from error
    except (UnicodeError, OverflowError) as error:
        # Drivers let these through as they are.
        raise InvalidData(f"the payload database cannot store this: {error}") from error
