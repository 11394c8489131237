"""Monitoring's tables: passes, findings, alarms, messages, triggers; the same over SQLite, Postgres and MySQL or MariaDB."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, UniqueConstraint

from driftgate.registry.tables import LONG, MODEL, MYSQL, NAMES, Instant

metadata = MetaData(naming_convention=NAMES)

ID = String(128)
"""Of a pass, a message, a trigger, a job."""

NAME_LENGTH = 255
"""Characters of a finding's name that can be asked for; its document holds them all."""

passes = Table(
    "passes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("model", MODEL, nullable=False),
    Column("version", Integer),
    Column("at", Instant, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("window_end", Instant, nullable=False),
    Column("payloads", BigInteger, nullable=False),
    Column("alarms", Integer, nullable=False),
    Column("report", String(64)),
    Column("document", LONG, nullable=False),
    Index(None, "model", "at"),
    **MYSQL,
)

findings = Table(
    "findings",
    metadata,
    Column("pass_id", ID, primary_key=True),
    # Which of the pass's findings it is: two may have one name.
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("model", MODEL, nullable=False),
    Column("version", Integer),
    Column("at", Instant, nullable=False),
    Column("monitor", String(32), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("verdict", String(16), nullable=False),
    # Not `limit`, `lower` and `rows`: those are words of SQL somewhere.
    Column("value", Double),
    Column("limit_value", Double),
    Column("lower_bound", Double),
    Column("upper_bound", Double),
    Column("row_count", BigInteger, nullable=False),
    Column("document", LONG, nullable=False),
    Index(None, "model", "monitor", "name", "at"),
    Index(None, "model", "at"),
    Index(None, "at"),
    **MYSQL,
)

alarms = Table(
    "alarms",
    metadata,
    Column("model", MODEL, primary_key=True),
    # The digest of the subject: a column's name may be longer than an index takes, and MySQL takes "a" and "a " for one key.
    Column("subject_sha256", String(64), primary_key=True),
    Column("subject", LONG, nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("version", Integer),
    Column("since", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("told", Instant, nullable=False),
    Column("ended", Instant),
    Column("pass_id", ID, nullable=False),
    Column("words", LONG, nullable=False),
    Column("document", LONG, nullable=False),
    **MYSQL,
)

alarm_marks = Table(
    "alarm_marks",
    metadata,
    # The pass that a model's alarms were last brought up to date with.
    Column("model", MODEL, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("pass_id", ID, nullable=False),
    Column("version", Integer),
    **MYSQL,
)

notices = Table(
    "notices",
    metadata,
    Column("id", ID, primary_key=True),
    Column("model", MODEL),
    Column("pass_id", ID),
    Column("channel", LONG, nullable=False),
    Column("title", LONG, nullable=False),
    Column("body", LONG, nullable=False),
    Column("at", Instant, nullable=False),
    Column("due", Instant, nullable=False),
    Column("sending", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", LONG),
    Column("ended", Instant),
    Index(None, "sending", "due"),
    Index(None, "model", "at"),
    Index(None, "at"),
    **MYSQL,
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("model", MODEL, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("fired", Boolean, nullable=False),
    Column("cause", String(32), nullable=False),
    Column("version", Integer),
    Column("pass_id", ID),
    Column("job_id", ID),
    Column("document", LONG, nullable=False),
    # One consideration at a time: of two that were weighed on the same past, one finds its number taken.
    UniqueConstraint("model", "sequence"),
    Index(None, "model", "at"),
    **MYSQL,
)
