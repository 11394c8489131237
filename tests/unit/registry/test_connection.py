import pytest

from driftgate.lifecycle.errors import DigestMismatch, Forbidden, InvalidRequest, NotFound, RegistryUnavailable
from driftgate.registry.connection import Connection, redacted


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ada:pw@host:5000/x?token=1#f", "http://host:5000/x"),
        ("postgresql://ada:p@w@db/mlflow", "postgresql://db/mlflow"),
        ("https://host/x?signature=1", "https://host/x"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("data/churn.csv", "data/churn.csv"),
        ("select * from a where b = 'x@y'", "select * from a where b = 'x@y'"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert redacted(address) == shown


class MlflowError(Exception):
    def __init__(self, message, error_code):
        super().__init__(message)
        self.error_code = error_code


class Answering(Connection):
    client = None


@pytest.mark.parametrize(
    ("raised", "translated"),
    [
        (MlflowError("no such run", "RESOURCE_DOES_NOT_EXIST"), NotFound),
        (MlflowError("bad name", "INVALID_PARAMETER_VALUE"), InvalidRequest),
        (MlflowError("who are you", "PERMISSION_DENIED"), Forbidden),
        (MlflowError("boom", "INTERNAL_ERROR"), RegistryUnavailable),
        (ConnectionRefusedError("refused"), RegistryUnavailable),
        (TimeoutError("slow"), RegistryUnavailable),
        (DigestMismatch("changed"), DigestMismatch),
        (ValueError("a bug of ours"), ValueError),
    ],
)
def test_each_failure_has_its_own_error(raised, translated):
    with pytest.raises(translated), Answering("http://ada:pw@host").answering():
        raise raised


def test_a_message_names_the_server_and_no_secret_of_the_cause():
    cause = MlflowError("cannot reach http://ada:pw@host/api: refused", "INTERNAL_ERROR")

    with pytest.raises(RegistryUnavailable) as caught, Answering("http://ada:pw@host").answering():
        raise cause

    assert "http://host did not answer" in caught.value.message
    assert "pw" not in caught.value.message
