"""Kept reports: rows of the `reports` table, files as artifacts of the version's run; one JSON document stays in its row."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import InvalidRequest, ReportNotFound
from driftgate.lifecycle.ports import Report
from driftgate.registry.artifacts import safe_name
from driftgate.registry.binding import Bindings, reading, transaction
from driftgate.registry.connection import Connection
from driftgate.registry.tables import reports

FOLDER = "reports"
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
JSON = "json"
SHOWN = [column for column in reports.c if column.name != "document"]
MOST_IN_ROW = 4 * 2**20
"""Bytes of a document that is kept in its row: doubled by escapes, it still fits MariaDB's default packet of 16 MiB."""


@dataclass(frozen=True, slots=True)
class KeptReports:
    """The Reports port. `cache`: where `file` puts what it downloads."""

    connection: Connection
    bindings: Bindings
    cache: Path

    def keep(self, report: Report, folder: str) -> Report:
        """The report as stored, its files now below `reports/<id>/` of the version's run; a JSON document alone needs no MLflow.

        The same id again returns the report first kept. Raises InvalidRequest for an id or file name that could leave its folder,
        and where a file is not in the folder.
        """
        found = _found(report, Path(folder))
        files = {form: f"{FOLDER}/{report.id}/{path.name}" for form, path in found.items()}
        version = self.bindings.version(report.model, report.version)
        document = _document(found)
        if document is None:
            with self.connection.answering() as client:
                for path in sorted(set(found.values())):
                    client.log_artifact(version.run_id, str(path), f"{FOLDER}/{report.id}")
        kept = replace(report, files=files)
        try:
            with transaction(self.bindings.engine) as connection:
                connection.execute(insert(reports).values(**_values(kept), document=document))
        except IntegrityError:
            return self.report(report.id)
        return kept

    def listed(self, model: str) -> Sequence[Report]:
        """Reports of the model, newest first."""
        query = select(*SHOWN).where(reports.c.model == model).order_by(reports.c.created.desc(), reports.c.id)
        with reading(self.bindings.engine) as connection:
            return [_report(row) for row in connection.execute(query)]

    def report(self, report_id: str) -> Report:
        """The kept report of that id. Raises ReportNotFound."""
        with reading(self.bindings.engine) as connection:
            row = connection.execute(select(*SHOWN).where(reports.c.id == report_id)).one_or_none()
        if row is None:
            raise ReportNotFound(f"there is no report {report_id}", field="id")
        return _report(row)

    def file(self, report: Report, form: str) -> Path:
        """A local copy of the report's file in that format (`html`, `json`, ...). Raises ReportNotFound where it has none."""
        if form not in report.files:
            raise ReportNotFound(
                f"report {report.id} has no {form}: it has {', '.join(sorted(report.files)) or 'no files'}", field="format"
            )
        parts = PurePosixPath(report.files[form]).parts
        # The table is ours, but a path out of it is still never followed out of the report's own folder.
        if parts[:-1] != (FOLDER, report.id) or not ID.fullmatch(report.id) or not FILE.fullmatch(parts[-1]):
            raise ReportNotFound(f"report {report.id} names a file outside its folder", field="format")
        into = self.cache / safe_name(f"{FOLDER}.kept") / report.id
        local = into / parts[-1]
        if not local.is_file():
            into.mkdir(parents=True, exist_ok=True)
            document = self._in_row(report.id)
            if document is None:
                self._download(report, form, into)
            else:
                _written(local, document)
        return local

    def _in_row(self, report_id: str) -> str | None:
        with reading(self.bindings.engine) as connection:
            return connection.execute(select(reports.c.document).where(reports.c.id == report_id)).scalar_one_or_none()

    def _download(self, report: Report, form: str, into: Path) -> None:
        version = self.bindings.version(report.model, report.version)
        with self.connection.answering() as client:
            root = client.get_run(version.run_id).info.artifact_uri
        self.connection.download(f"{root}/{report.files[form]}", into)


def _found(report: Report, folder: Path) -> dict[str, Path]:
    """The report's files by format, each at its path below the folder, or there by its bare name."""
    if not ID.fullmatch(report.id):
        raise InvalidRequest(f"{report.id!r} cannot be a report id: letters, digits, dot, - and _ only, at most 64", field="id")
    root = folder.resolve()
    found = {}
    for form, named in report.files.items():
        name = PurePosixPath(named).name
        if not FILE.fullmatch(name):
            raise InvalidRequest(f"{named!r} cannot be the name of a report's file", field="files")
        inside = [path for path in ((root / named).resolve(), root / name) if path.is_relative_to(root) and path.is_file()]
        if not inside:
            raise InvalidRequest(f"the report names {named}, which is not in {folder}", field="files")
        found[form] = inside[0]
    return found


def _document(found: Mapping[str, Path]) -> str | None:
    """The text of the report's JSON document; None where there are other files, or it is too long for a row."""
    if set(found) != {JSON} or found[JSON].stat().st_size > MOST_IN_ROW:
        return None
    return found[JSON].read_text(encoding="utf-8")


def _written(file: Path, text: str) -> None:
    """The file, whole or not at all: another process may be reading it."""
    scratch = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(file)


def _values(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "model": report.model,
        "version": report.version,
        "kind": report.kind,
        "created": report.created,
        "verdict": report.verdict,
        "summary": canonical(report.summary),
        "files": canonical(report.files),
    }


def _report(row: Row[Any]) -> Report:
    return Report(
        id=row.id,
        model=row.model,
        version=row.version,
        kind=row.kind,
        created=row.created,
        verdict=row.verdict,
        summary=json.loads(row.summary),
        files=json.loads(row.files),
    )
