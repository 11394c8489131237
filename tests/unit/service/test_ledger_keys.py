import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service.ledger_keys import FILE, exposed, keys_of
from driftgate.service.settings import Settings, load

MODEL = '[models.churn]\ntarget = "churned"\nsource = {path = "churn.csv"}\n'


def settings(folder: Path, storage: str = "", environment: dict[str, str] | None = None) -> Settings:
    (folder / "driftgate.toml").write_text(f"{storage}\n{MODEL}", encoding="utf-8")
    return load(folder, environment or {})


def test_without_a_configured_key_one_is_made_once_that_only_its_owner_reads(tmp_path: Path) -> None:
    found = settings(tmp_path)

    first, again = keys_of(found), keys_of(found)

    assert first == again
    assert len(first.current) == 64
    assert stat.S_IMODE((found.state / FILE).stat().st_mode) == 0o600
    assert exposed(found) is None


def test_processes_that_make_a_key_in_the_same_moment_get_the_same_one(tmp_path: Path) -> None:
    found = settings(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys_of(found).current, range(16)))

    assert len(set(made)) == 1
    assert [path.name for path in found.state.iterdir()] == [FILE]


def test_a_configured_key_signs_and_the_kept_one_is_still_known(tmp_path: Path) -> None:
    kept = keys_of(settings(tmp_path)).current
    storage = '[storage]\nledger_key = "env:KEY"\nledger_former_keys = ["env:OLD"]\n'

    keys = keys_of(settings(tmp_path, storage, {"KEY": "k" * 32, "OLD": "o" * 32}))

    assert keys.current == b"k" * 32
    assert keys.former == (b"o" * 32, kept)


def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    found = settings(tmp_path)
    keys_of(found)

    (found.state / FILE).chmod(0o644)

    assert "chmod 600" in (exposed(found) or "")


def test_an_empty_key_is_refused_and_never_replaced(tmp_path: Path) -> None:
    found = settings(tmp_path)
    found.state.mkdir()
    (found.state / FILE).write_text("")

    with pytest.raises(InvalidConfiguration, match="empty"):
        keys_of(found)

    assert (found.state / FILE).read_text() == ""


def test_a_key_never_stands_in_the_file_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="env:NAME") as caught:
        settings(tmp_path, '[storage]\nledger_key = "hunter2hunter2hunter2"\n')

    assert "hunter2" not in caught.value.message
