from random import Random

from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.verdicts import Verdict, combined

VERDICTS = st.lists(st.sampled_from(Verdict), max_size=6)


def test_nothing_to_combine_is_undecided() -> None:
    assert combined([]) is Verdict.UNDECIDED


def test_only_what_does_not_apply_is_undecided() -> None:
    assert combined([Verdict.NOT_APPLICABLE, Verdict.NOT_APPLICABLE]) is Verdict.UNDECIDED


def test_what_does_not_apply_does_not_block_a_pass() -> None:
    assert combined([Verdict.PASS, Verdict.NOT_APPLICABLE]) is Verdict.PASS


def test_fail_and_undecided_block_and_the_others_do_not() -> None:
    assert {verdict for verdict in Verdict if verdict.blocks} == {Verdict.FAIL, Verdict.UNDECIDED}


@given(VERDICTS)
def test_combined_passes_only_if_something_passes_and_nothing_blocks(verdicts: list[Verdict]) -> None:
    passes = combined(verdicts) is Verdict.PASS

    assert passes == (Verdict.PASS in verdicts and not any(verdict.blocks for verdict in verdicts))


@given(VERDICTS)
def test_combined_fails_exactly_if_something_fails(verdicts: list[Verdict]) -> None:
    assert (combined(verdicts) is Verdict.FAIL) == (Verdict.FAIL in verdicts)


@given(VERDICTS, st.randoms())
def test_combined_does_not_depend_on_the_order(verdicts: list[Verdict], random: Random) -> None:
    shuffled = random.sample(verdicts, len(verdicts))

    assert combined(shuffled) is combined(verdicts)


@given(VERDICTS, VERDICTS)
def test_combining_in_groups_gives_the_same_verdict(first: list[Verdict], second: list[Verdict]) -> None:
    if not first or not second:
        return  # an empty group has no verdict to add
    applicable = [group for group in (first, second) if any(verdict is not Verdict.NOT_APPLICABLE for verdict in group)]

    assert combined(combined(group) for group in applicable) is combined([*first, *second])
