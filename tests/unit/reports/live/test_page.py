import re
from base64 import b64decode
from datetime import timedelta

from driftgate.lifecycle.findings import Assumption, Reading
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.reports.live import page
from driftgate.reports.live.page import Looked, Part
from tests.builders import MODEL, NOON, a_finding

LOOKED = Looked(MODEL, 3, NOON, Window(NOON - timedelta(days=7), NOON), None, 500, 0.003)
ODD = "<script>alert(1)</script>"


def made(*findings, parts=(), problems=()):
    return page.topped(page.BARE_PAGE, LOOKED, findings, parts, problems)


def test_every_finding_is_a_row_and_alarms_come_first():
    text = made(a_finding("fine", Verdict.PASS), a_finding("open", Verdict.UNDECIDED), a_finding("broken"))

    rows = re.findall(r"<tr><td>data_drift</td><td>(\w+)</td><td><strong[^>]*>(\w+)", text)
    assert rows == [("broken", "fail"), ("open", "undecided"), ("fine", "pass")]
    for part in ("0.4", "0.1", "0.001", "500", "1,000", "it is larger than in the snapshot"):
        assert part in text


def test_bounds_stand_beside_the_value_and_a_missing_one_is_a_question_mark():
    assert "0.4 [0.2, ?]" in made(a_finding(lower=0.2))


def test_each_reading_says_what_it_takes_for_granted():
    moved = Reading(Assumption.MOVED, None, "too few effective rows")
    corrupt = Reading(Assumption.CORRUPT, Estimate(0.12, 0.05, None), "score +12%")

    text = made(a_finding(readings=(corrupt, moved)))

    assert "if the values are corrupt" in text
    assert "+12.0% (+5.0% to ?)" in text
    assert re.search(r"if the population moved</td><td[^>]*>not known</td><td>too few effective rows", text)


def test_without_a_reading_the_page_says_so():
    assert "Nothing drifted that asks for a reading" in made(a_finding(verdict=Verdict.PASS))


def test_pictures_are_inlined_and_nothing_is_fetched(tmp_path):
    picture = tmp_path / "accuracy.png"
    picture.write_bytes(b"\x89PNG")

    text = made(parts=[Part("Performance over time", ("By day.",), (picture,))])

    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert b64decode(data) == b"\x89PNG"
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []


def test_what_comes_from_data_is_escaped():
    reading = Reading(Assumption.MOVED, None, ODD)

    text = made(a_finding(ODD, reasons=(ODD,), readings=(reading,)), parts=[Part(ODD, (ODD,))], problems=[ODD])

    assert ODD not in text
    assert text.count("&lt;script&gt;") == 7


def test_more_findings_than_a_browser_opens_are_counted():
    text = made(*(a_finding(f"c{place}", Verdict.PASS) for place in range(page.MOST_FINDINGS + 5)), a_finding("broken"))

    assert text.count("<td>data_drift</td>") == page.MOST_FINDINGS
    assert ">broken<" in text
    assert "6 more findings" in text


def test_the_section_comes_before_what_the_page_held():
    text = page.topped("<html><body><p>below</p></body></html>", LOOKED, [a_finding()], [], [])

    assert text.index('id="pass"') < text.index("<p>below</p>")
