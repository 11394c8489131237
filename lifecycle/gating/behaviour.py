"""Whether the user's own tests pass."""

from driftgate.lifecycle.measurements import Behaviour
from driftgate.lifecycle.verdicts import Gate, Number, Verdict


def behaviour_gate(behaviour: Behaviour | None) -> Gate:
    """The user's own tests, run to their end in time: none may fail and at least one must pass. Skipped ones are counted out loud."""
    if behaviour is None:
        return Gate("behaviour", Verdict.NOT_APPLICABLE, ("no user tests are configured (gates.tests)",))
    measured: dict[str, Number] = {
        "collected": behaviour.collected, "passed": behaviour.passed, "failed": behaviour.failed,
        "seconds": round(behaviour.seconds, 2), "exit_code": behaviour.exit_code,
    }  # fmt: skip
    limit: dict[str, Number] = {"failed": 0}
    if behaviour.timed_out:
        return Gate(
            "behaviour", Verdict.FAIL, (f"the user tests were stopped after {behaviour.seconds:.0f} s, their time limit",), measured, limit
        )
    if behaviour.failures:
        return Gate("behaviour", Verdict.FAIL, behaviour.failures, measured, limit)
    if behaviour.failed:
        return Gate("behaviour", Verdict.FAIL, (f"{behaviour.failed} user tests failed",), measured, limit)
    if behaviour.exit_code != 0 or not behaviour.collected:
        last = behaviour.output.strip().splitlines()[-1:] or ["no output"]
        verdict = Verdict.UNDECIDED if behaviour.exit_code in (0, 5) else Verdict.FAIL
        return Gate(
            "behaviour", verdict, (f"the user tests did not run to an end (exit code {behaviour.exit_code}): {last[0]}",), measured, limit
        )
    if not behaviour.passed:
        reason = f"none of the {behaviour.collected} user tests ran: all were skipped"
        return Gate("behaviour", Verdict.UNDECIDED, (reason,), measured, limit)
    skipped = behaviour.collected - behaviour.passed
    reason = f"{behaviour.passed} user tests passed" + (f", {skipped} skipped" if skipped else "")
    return Gate("behaviour", Verdict.PASS, (reason,), measured, limit)
