import pytest

from driftgate.service.settings_secrets import is_reference, masked, resolved


def test_a_plain_value_is_itself():
    assert resolved("sqlite:///a.db", {}) == "sqlite:///a.db"
    assert resolved("postgresql://user@host/db", {}) == "postgresql://user@host/db"


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "http://:token@host", "mysql+pymysql://u:p%40q@h:3306/d", "x://u:p@[::1"])
def test_a_literal_password_is_refused(url):
    with pytest.raises(ValueError, match="must not hold a password"):
        resolved(url, {})


def test_an_environment_variable_may_hold_a_password():
    assert resolved("env:DB", {"DB": "postgresql://u:p@h/d"}) == "postgresql://u:p@h/d"


@pytest.mark.parametrize("environment", [{}, {"DB": ""}])
def test_an_unset_or_empty_variable_is_an_error(environment):
    with pytest.raises(ValueError, match="'DB'"):
        resolved("env:DB", environment)


def test_a_secret_without_a_name_is_an_error():
    with pytest.raises(ValueError, match="must name a secret"):
        resolved("secretsmanager://#key", {})


def test_passwords_are_masked():
    assert masked("a postgresql://u:p@h/d and http://:t@h b") == "a postgresql://u:***@h/d and http://:***@h b"
    assert masked("mysql://u:p@ss/w@rd@h/d") == "mysql://u:***@h/d"


def test_references_are_told_from_values():
    assert is_reference("env:A")
    assert is_reference("secretsmanager://a#b")
    assert not is_reference("sqlite:///a")
