from dataclasses import replace

import pytest
from sqlalchemy import create_engine

from driftgate.lifecycle.errors import InvalidRequest, ReportNotFound
from driftgate.registry.binding import Bindings
from driftgate.registry.connection import Connection
from driftgate.registry.kept_reports import KeptReports
from driftgate.registry.tables import metadata
from tests.builders import a_report


@pytest.fixture
def reports(tmp_path):
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield KeptReports(Connection("http://127.0.0.1:9"), Bindings(engine), tmp_path / "cache")
    engine.dispose()


@pytest.mark.parametrize("report_id", ["", "..", "../x", "a/b", ".hidden", "x" * 65, "a\n"])
def test_an_id_that_could_leave_its_folder_is_refused(reports, tmp_path, report_id):
    with pytest.raises(InvalidRequest) as caught:
        reports.keep(a_report(report_id, files={}), str(tmp_path))
    assert caught.value.field == "id"


@pytest.mark.parametrize("name", ["", "..", ".env", "a b", "missing.html", "../secret.txt", "/etc/hostname"])
def test_a_file_that_is_not_in_the_folder_is_refused(reports, tmp_path, name):
    (tmp_path / "secret.txt").write_text("x")
    made = tmp_path / "made"
    made.mkdir()
    (made / "link.txt").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(InvalidRequest):
        reports.keep(a_report(files={"html": name}), str(made))


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "reports/other/x.html", "reports/r1/../x", "reports/r1/.x", "x.html"])
def test_a_stored_path_is_not_followed_out_of_the_report_s_folder(reports, path):
    with pytest.raises(ReportNotFound):
        reports.file(a_report("r1", files={"html": path}), "html")


def test_a_format_that_the_report_lacks_is_named(reports):
    with pytest.raises(ReportNotFound, match="no pdf: it has html, json"):
        reports.file(replace(a_report("r1")), "pdf")


def test_an_unknown_report_is_not_found(reports):
    with pytest.raises(ReportNotFound, match="r9"):
        reports.report("r9")
    assert list(reports.listed("churn")) == []
