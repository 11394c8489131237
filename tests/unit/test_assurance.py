"""The page for reviewers names tests and modules as proof: each of them must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "discussions" / "assurance.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]


def test_every_guarantee_has_a_mechanism_a_test_and_what_it_does_not_cover() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) > 10
    assert [row[0] for row in ROWS if len(row) != 5 or not all(cell.strip() for cell in row) or "tests/" not in row[3]] == []


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)

    missing = [(file, name) for file, name in named if f"\ndef {name}(" not in (ROOT / file).read_text(encoding="utf-8")]

    assert len(named) >= len(ROWS)
    assert missing == []


def test_every_module_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:lifecycle|registry|payloads|reports|service)/[\w/]*(?:\.py)?)`", " ".join(row[2] for row in ROWS))

    assert [name for name in named if not (ROOT / name).exists()] == []
    assert len(named) >= len(ROWS)


def test_every_guarantee_says_how_to_check_it() -> None:
    told = {
        int(number) for heading in re.findall(r"^\*\*([\d and]+)\.", PAGE, flags=re.MULTILINE) for number in re.findall(r"\d+", heading)
    }

    assert told == set(range(1, len(ROWS) + 1))
