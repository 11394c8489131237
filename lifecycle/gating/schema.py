"""Whether a version could serve at all."""

from driftgate.lifecycle.measurements import SchemaCheck
from driftgate.lifecycle.verdicts import Gate, Verdict


def schema_gate(check: SchemaCheck) -> Gate:
    """Fails where the version could not serve. A difference from the champion's schema is said, and does not block."""
    verdict = Verdict.FAIL if check.problems else Verdict.PASS
    reasons = check.problems or ("the schema can serve",)
    return Gate(
        "schema", verdict, (*reasons, *(f"note: {change}" for change in check.changes)), {"problems": len(check.problems)}, {"problems": 0}
    )
