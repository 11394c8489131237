"""References to AWS Secrets Manager, against moto's server-free imitation of it."""

import json
import warnings

import pytest

from driftgate.service.settings_secrets import resolved


@pytest.fixture
def secrets(monkeypatch):
    """A Secrets Manager with one JSON secret and one of plain text."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised inside moto and botocore while they load
        import boto3
        from moto import mock_aws

        with mock_aws():
            client = boto3.client("secretsmanager")
            client.create_secret(Name="prod/db", SecretString=json.dumps({"url": "postgresql://u:hunter2@h/d"}))
            client.create_secret(Name="plain", SecretString="hunter2")
            yield


@pytest.mark.usefixtures("secrets")
def test_one_key_or_the_whole_of_a_secret_is_read():
    assert resolved("secretsmanager://prod/db#url", {}) == "postgresql://u:hunter2@h/d"
    assert resolved("secretsmanager://plain", {}) == "hunter2"


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("secretsmanager://nowhere#url", "'nowhere' cannot be read"),
        ("secretsmanager://prod/db#other", "with the key 'other'"),
        ("secretsmanager://plain#url", "with the key 'url'"),
    ],
)
def test_a_secret_that_is_not_there_is_said_without_quoting_another(reference, said):
    with pytest.raises(ValueError, match=said) as caught:
        resolved(reference, {})

    assert "hunter2" not in str(caught.value)
