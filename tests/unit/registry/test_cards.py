"""What people wrote in a description stays, whatever is done with our part of it."""

from hypothesis import example, given
from hypothesis import strategies as st

from driftgate.registry.cards import END, LONGEST, START, linked

texts = st.text(max_size=200)


@given(texts, texts)
def test_what_people_wrote_stays_letter_for_letter(theirs, words):
    assert linked(theirs, words).startswith(theirs)


@given(texts, texts, texts)
def test_new_words_replace_the_last_ones(theirs, first, second):
    assert linked(linked(theirs, first), second) == linked(theirs, second)


def test_text_around_our_part_stays():
    edited = f"before\n\n{START}\nold\n{END}\n\nafter"

    told = linked(edited, "new")

    assert told == f"before\n\nafter\n\n{START}\nnew\n{END}"


@given(st.lists(st.sampled_from([START, END, "theirs", "\n"]), max_size=6).map("".join), st.sampled_from(["words", START, f"{END}x"]))
@example(f"{START}theirs", "words")
@example(f"theirs{END}", "words")
@example(f"{START}{START}{END}{END}", "words")
def test_whatever_became_of_the_markers_no_text_outside_of_a_pair_is_lost_and_repeats_settle(theirs, words):
    once = linked(theirs, words)

    assert linked(once, words) == once
    assert once.count("words") == words.count("words")


def test_a_lone_start_swallows_nothing():
    told = linked(linked(f"{START}theirs", "one"), "two")

    assert told == f"{START}theirs\n\n{START}\ntwo\n{END}"


def test_words_that_do_not_fit_are_left_out_and_nothing_of_theirs_is_cut():
    theirs = "t" * (LONGEST - 20)

    assert linked(theirs, "words") == theirs
    assert len(linked("t" * 100, "w" * (LONGEST - 300))) <= LONGEST
