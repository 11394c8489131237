"""What is watched, what starts a retrain and who is told: wrong keys are named before anything runs."""

import pytest

from driftgate.lifecycle.findings import Monitor
from driftgate.service.settings import Settings, load, read
from driftgate.service.settings_monitoring import UNCURED

MINIMAL = '[models.churn]\nsource = { path = "churn.csv" }\ntarget = "churned"\n'
WATCH, TRIGGER, ALERTS = "[models.churn.monitoring]\n", "[models.churn.triggers]\n", "[alerts]\nchannels = ['json://here']\n"


@pytest.fixture
def found(tmp_path):
    def write(text: str) -> Settings:
        (tmp_path / "driftgate.toml").write_text(MINIMAL + text)
        return load(tmp_path, {})

    return write


@pytest.fixture
def wrong(tmp_path):
    def write(text: str) -> dict[str, str]:
        (tmp_path / "driftgate.toml").write_text(MINIMAL + text)
        result = read(tmp_path, {})
        assert not isinstance(result, Settings)
        return {problem.key: problem.message for problem in result}

    return write


@pytest.mark.parametrize("cron", ["0 6 * * *", "*/5 * * * *", "0 6 * * mon-fri", "0 0 29 2 *", "0 0 L * *"])
def test_a_cron_expression_of_five_fields_that_is_due_some_day_is_taken(found, cron):
    assert found(f"{WATCH}schedule = '{cron}'").models["churn"].monitoring.schedule == cron


@pytest.mark.parametrize("cron", ["daily", "0 6 * *", "0 0 6 * * *", "61 * * * *", "R * * * *", "H 6 * * *", "r(0-9) * * * *"])
@pytest.mark.parametrize("table", ["monitoring", "triggers"])
def test_another_one_is_refused_with_an_example(wrong, table, cron):
    assert "five fields" in wrong(f"[models.churn.{table}]\nschedule = '{cron}'")[f"models.churn.{table}.schedule"]


def test_a_day_that_never_comes_is_refused(wrong):
    assert "never is" in wrong("[alerts]\ndigest = '0 0 31 2 *'")["alerts.digest"]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc", "Europe"])
def test_a_time_zone_that_is_none_is_refused(wrong, zone):
    assert "Europe/Berlin" in wrong(f"{WATCH}timezone = '{zone}'")["models.churn.monitoring.timezone"]


def test_limits_name_metrics_within_their_bounds(found, wrong):
    problems = wrong(f"{WATCH}limits = {{ acuracy = 0.8, recall = 1.5, log_loss = -1, r2 = -0.5, bias = -1 }}")

    assert 'did you mean "accuracy"?' in problems["models.churn.monitoring.limits.acuracy"]
    assert "at most 1" in problems["models.churn.monitoring.limits.recall"]
    assert set(problems) == {f"models.churn.monitoring.limits.{name}" for name in ("acuracy", "recall", "log_loss", "bias")}
    assert found(f"{WATCH}limits = {{ accuracy = 0.8, log_loss = 2.0, bias = 7.5 }}").models["churn"].monitoring.limits["bias"] == 7.5


def test_limits_of_another_task_are_refused(wrong):
    regression = wrong('task = "regression"\n' + WATCH + 'limits = { accuracy = 0.8, mae = 3.0, bias = 1.0 }\nfavourable = "yes"')
    binary = wrong('task = "binary"\n' + WATCH + "limits = { accuracy = 0.8, bias = 1.0 }")

    assert set(regression) == {"models.churn.monitoring.limits.accuracy", "models.churn.monitoring.favourable"}
    assert set(binary) == {"models.churn.monitoring.limits.bias"}


def test_a_wrong_monitor_is_told_with_those_there_are(wrong):
    assert "data_drift" in wrong(f"{TRIGGER}on = ['drift']")["models.churn.triggers.on[1]"]


@pytest.mark.parametrize("monitor", UNCURED)
def test_what_no_retrain_mends_starts_none(wrong, monitor):
    assert "does not mend it" in wrong(f"{TRIGGER}on = ['{monitor.value}']")["models.churn.triggers.on"]


def test_a_trigger_that_waits_for_what_is_not_watched_is_refused(wrong):
    assert "performance" in wrong(f"{WATCH}off = ['performance']\n{TRIGGER}on = ['performance']")["models.churn.triggers.on"]


def test_every_other_monitor_may_start_a_retrain(found):
    names = [monitor.value for monitor in Monitor if monitor not in UNCURED]

    assert len(found(f"{TRIGGER}on = {names}").models["churn"].triggers.on) == len(Monitor) - len(UNCURED)


def test_a_rule_that_names_an_unknown_model_is_refused(wrong):
    problems = wrong(f"{ALERTS}[[alerts.rules]]\nmodels = ['chrun']")

    assert 'did you mean "churn"?' in problems["alerts.rules[1].models"]


def test_a_rule_needs_somewhere_to_go(found, wrong):
    assert "alerts.channels is empty" in wrong("[[alerts.rules]]\nmonitors = ['inputs']")["alerts.rules[1].channels"]
    assert found("[[alerts.rules]]\nchannels = ['json://there']").alerts.rules[0].channels == ("json://there",)
    assert found("[[alerts.rules]]\nmode = 'off'").alerts.rules[0].mode == "off"


def test_off_goes_nowhere(wrong):
    problems = wrong("[[alerts.rules]]\nmode = 'off'\nchannels = ['json://there']\ncooldown_hours = 3")

    assert set(problems) == {"alerts.rules[1].channels", "alerts.rules[1].cooldown_hours"}


RULE = "[[alerts.rules]]\n"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("", "monitors = ['inputs']"),
        ("monitors = ['inputs', 'traffic']", "monitors = ['inputs']"),
        ("models = ['churn']", "models = ['churn']\nmonitors = ['inputs']"),
    ],
)
def test_a_rule_that_can_never_count_is_refused_and_the_other_order_is_not(found, wrong, wide, narrow):
    assert "alerts.rules[1]" in wrong(f"{ALERTS}{RULE}{wide}\n{RULE}{narrow}")["alerts.rules[2]"]
    assert len(found(f"{ALERTS}{RULE}{narrow}\n{RULE}{wide}").alerts.rules) == 2


def test_an_unknown_key_of_a_rule_is_told_with_those_there_are(wrong):
    message = wrong(f"{ALERTS}{RULE}monitor = ['inputs']")["alerts.rules[1].monitor"]

    assert 'did you mean "monitors"?' in message
    assert "cooldown_hours" in message


def test_a_channel_of_a_rule_keeps_its_secret(tmp_path):
    (tmp_path / "driftgate.toml").write_text(MINIMAL + RULE + "channels = ['env:PAGER']")

    settings = load(tmp_path, {"PAGER": "json://u:hunter2@here"})

    assert settings.alerts.rules[0].channels == ("json://u:hunter2@here",)
    assert "hunter2" not in repr(settings)
