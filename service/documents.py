"""What commands and routes answer, as JSON documents. The keys are a contract: more may be added, none may go."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.alarms import AlarmState
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.flows.rolling_out import Look
from driftgate.lifecycle.gates import Judgement
from driftgate.lifecycle.ledger import Event, Kind, Promotion, Serving
from driftgate.lifecycle.measurements import Degradation, DriftMeasurement, ScenarioOutcome
from driftgate.lifecycle.ports import Report
from driftgate.lifecycle.ports_watching import Found
from driftgate.lifecycle.rollouts import Rollout
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.verdicts import combined
from driftgate.lifecycle.versions import Version
from driftgate.lifecycle.weighing import Weighing

if TYPE_CHECKING:
    from driftgate.service.durable.jobs import Job
    from driftgate.service.self_test import SelfTest, Trial
    from driftgate.service.settings_traffic import ArmsTable

Document = dict[str, Any]


def retrained(version: Version) -> Document:
    """What `retrain` and `adopt` answer."""
    return {
        "model": version.model,
        "version": version.number,
        "run_id": version.run_id,
        "snapshot_sha256": version.snapshot.sha256,
        "metrics": plain(version.metrics),
    }


def version(found: Version, serving: Serving) -> Document:
    """One version as the API lists it; `aliases` says `champion` and `challenger` for those that the ledger names."""
    challenger = serving.challenger.version if serving.challenger else None
    named = {alias for alias, number in (("champion", serving.champion), ("challenger", challenger)) if found.number == number}
    return {
        **retrained(found),
        "aliases": sorted((set(found.aliases) - {"champion", "challenger"}) | named),
        "created": found.created.isoformat(),
        "artifact_sha256": found.artifact_sha256,
        "snapshot": plain(found.snapshot),
        "flavour": found.flavour,
        "threshold": found.threshold,
        "schema": plain(found.schema),
    }


def simulated(number: int, envelope: Degradation, report: Report) -> Document:
    """What `simulate` answers."""
    return {
        "model": report.model,
        "version": number,
        "rows": envelope.rows,
        "loss": envelope.loss,
        "scenarios": [_scenario(outcome, envelope.loss) for outcome in (envelope.base, *envelope.scenarios)],
        "breaks_at": plain(envelope.breaks_at),
        "report": report.id,
        "files": dict(report.files),
    }


def _scenario(outcome: ScenarioOutcome, loss: str) -> Document:
    document: Document = {"scenario": outcome.scenario, loss: outcome.loss, "rows": outcome.rows, "growth": plain(outcome.growth)}
    if loss == "log_loss":
        return {**document, "probability_lift": outcome.lift}
    return {**document, "rmse": outcome.rmse}


def judged(model: str, number: int, champion: int | None, judgement: Judgement) -> Document:
    """What `gate` answers."""
    return {
        "model": model,
        "version": number,
        "champion": champion,
        "verdict": judgement.verdict.value,
        "gates": plain(judgement.gates),
        "evidence_sha256": judgement.evidence_sha256,
        "policy_sha256": judgement.policy_sha256,
    }


def self_tested(found: "SelfTest") -> Document:
    """What `gate --self-test` answers."""
    return {
        "model": found.model,
        "passed": found.passed,
        "policy_sha256": found.policy.sha256,
        "standard": found.policy.standard.value,
        "margin": found.policy.margin,
        "rows": {"train": found.train, "judged": found.judged, "aside": found.aside},
        "candidates": [_trial(trial) for trial in found.trials],
    }


def _trial(trial: "Trial") -> Document:
    head: Document = {"kind": trial.kind, "as_it_should": trial.as_it_should, "problem": trial.problem}
    if trial.harm is None:
        return head
    return {
        **head,
        "about": trial.about,
        "loss": trial.harm.loss,
        "champion_loss": trial.harm.champion_loss,
        "candidate_loss": trial.harm.candidate_loss,
        "harm": plain(trial.harm.difference),
        "line": trial.line,
        "truth": trial.truth,
        "verdict": trial.verdict.value,
        "non_inferior": trial.non_inferior.value,
        "blocking": list(trial.blocking),
        "gates": plain(trial.gates),
    }


def promotion(found: Promotion, champion: int | None, rolled: Rollout | None = None) -> Document:
    """What `promote`, `rollback`, `approve` and `reject` answer. `rolled`: its roll-out, where it has one."""
    return {
        "promotion_id": found.id,
        "model": found.model,
        "action": found.action.value,
        "version": found.version,
        "state": found.state.value,
        "champion": champion,
        "previous_champion": found.expected_champion,
        "gates": plain(found.gates),
        "reasons": list(found.reasons),
        "actor": found.actor,
        "approver": found.approver,
        "comment": found.comment,
        "break_glass": found.break_glass,
        "requested_at": found.requested_at.isoformat(),
        "changed_at": found.changed_at.isoformat(),
        "stages": list(found.stages),
        "rollout": None if rolled is None else rollout(rolled),
    }


def rollout(found: Rollout) -> Document:
    """A roll-out, stage by stage; `gates` of a stage are those that let the version into it."""
    ended, until = found.ended, found.watched_until
    return {
        "stage": found.stage.number,
        "share": 1.0 if found.decided is not None else 0.0 if ended is not None else found.stage.share,
        "reached": [
            {"stage": each.number, "share": each.share, "at": each.at.isoformat(), "gates": list(each.gates)} for each in found.reached
        ],
        "ended": None
        if ended is None
        else {
            "at": ended.at.isoformat(),
            "actor": ended.actor,
            "reason": ended.body["reason"],
            "gates": list(ended.body["gates"]),
        },
        "guards": list(found.decided.body["guards"]) if found.decided is not None else [],
        "warm_until": None if until is None else until.isoformat(),
    }


def looked(model: str, found: Sequence[Look], standing: Serving) -> Document:
    """What `rollout advance` answers: what came of the looks."""
    return {
        "model": model,
        "champion": standing.champion,
        "looks": [
            {
                "promotion_id": each.rollout.promotion.id,
                "version": each.rollout.promotion.version,
                "came": each.came.value,
                "state": each.rollout.promotion.state.value,
                "gates": plain(each.gates),
                "reasons": list(each.reasons),
                "rollback_id": each.rollback_id,
                "rollout": rollout(each.rollout),
            }
            for each in found
        ],
    }


def challenged(ended: Event, serving: Serving, arms: "ArmsTable") -> Document:
    """What `challenge` answers. `share` and `shadow` are the traffic that the settings give whoever challenges."""
    refused = ended.kind is Kind.CHALLENGE_REFUSED
    number = ended.body["version"]
    return {
        "challenge_id": ended.subject,
        "model": ended.model,
        "version": number,
        "state": "refused" if refused else "withdrawn" if number is None else "challenging",
        "shadow_only": ended.body["shadow_only"],
        "champion": serving.champion,
        "challenger": serving.challenger.version if serving.challenger else None,
        "share": arms.challenger,
        "shadow": arms.shadow,
        "gates": list(ended.body["gates"]),
        "reasons": [ended.body["refusal"]] if refused else [],
        "actor": ended.actor,
        "comment": ended.body["reason"],
        "at": ended.at.isoformat(),
    }


def drifted(measurement: DriftMeasurement, report: Report) -> Document:
    """What `drift` answers. `html` is the artifact path of the page in the version's run; None where none was asked for."""
    return {
        "model": measurement.model,
        "version": measurement.version,
        "rows": measurement.rows,
        "reference_rows": measurement.reference_rows,
        "verdict": measurement.verdict.value,
        "drifted": list(measurement.drifted),
        "level": measurement.level,
        "columns": plain(measurement.columns),
        "prediction": plain(measurement.prediction),
        "problems": list(measurement.problems),
        "report": report.id,
        "html": report.files.get("html"),
    }


def passed(found: Pass, alarms: Sequence[AlarmState] = (), triggers: Sequence[Trigger] = (), weighing: str | None = None) -> Document:
    """What `monitor` answers, and a pass as the API shows it. `alarms`: those that are on; `triggers`: the retrains that it considered.

    `weighing`: the job that weighs one, because that takes a trial refit; None where it is weighed, or was long ago.

    `columns`, `prediction`, `drifted` and `html` are those of `drift`, out of the findings; `html` is the route of the page.
    """
    columns = [_column(each) for each in found.findings if each.monitor is Monitor.DATA_DRIFT]
    prediction = next((_column(each) for each in found.findings if each.monitor is Monitor.PREDICTION_DRIFT), None)
    return {
        **pass_line(found),
        "drifted": [column["name"] for column in (*columns, *([prediction] if prediction else [])) if column["drifted"]],
        "columns": columns,
        "prediction": prediction,
        "findings": plain(found.findings),
        "alarms": [alarm(state) for state in alarms],
        "triggers": plain(triggers),
        "weighing": weighing,
        "problems": list(found.problems),
        "html": f"/v1/models/{found.model}/reports/{found.report}?format=html" if found.report else None,
    }


def pass_line(found: Pass) -> Document:
    """A pass as a list shows it."""
    return {
        "pass_id": found.id,
        "model": found.model,
        "version": found.version,
        "at": found.at.isoformat(),
        "window": plain(found.window),
        "judged": plain(found.judged),
        "rows": found.rows,
        "level": found.level,
        "verdict": combined(finding.verdict for finding in found.findings).value,
        "failed": [finding.subject for finding in found.alarms],
        "report": found.report,
    }


def _column(found: Finding) -> Document:
    return {
        "name": found.name,
        "method": found.details.get("method"),
        "score": found.value,
        "p_value": found.p_value,
        "limit": found.limit,
        "drifted": found.alarms,
        "verdict": found.verdict.value,
        "rows": found.rows,
        "reference_rows": found.reference_rows,
    }


def alarm(state: AlarmState) -> Document:
    """An alarm as it stands."""
    return {
        "subject": state.subject,
        "version": state.version,
        "since": state.since.isoformat(),
        "last": state.last.isoformat(),
        "told": state.told.isoformat(),
        "ended": plain(state.ended),
        "words": state.words,
        "pass_id": state.pass_id,
        "finding": plain(state.finding),
    }


def triggered(found: Trigger | Weighing | None) -> Document:
    """What a consideration came to; `trigger` is null where nothing asked, and where the job `weighing` decides."""
    if isinstance(found, Weighing):
        return {"trigger": None, "weighing": found.job_id}
    return {"trigger": plain(found), "weighing": None}


def finding(found: Found) -> Document:
    """A finding of some pass."""
    return {"pass_id": found.pass_id, "version": found.version, "at": found.at.isoformat(), **plain(found.finding)}


def report(found: Report) -> Document:
    """One kept report as the API lists it."""
    return {
        "id": found.id,
        "model": found.model,
        "version": found.version,
        "kind": found.kind,
        "created": found.created.isoformat(),
        "verdict": found.verdict,
        "summary": plain(found.summary),
        "formats": sorted(found.files),
    }


def job(found: "Job") -> Document:
    """One job."""
    return {"job_id": found.id, "kind": found.kind, "state": found.state, "result": found.result, "error": found.error}


def status(models: Sequence[Mapping[str, Any]]) -> Document:
    """What `status` answers."""
    return {"models": [dict(model) for model in models]}
