"""Names: the spellings of one name agree, and those of two do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.roster.names import folded, nearest, run_together, spelled_out

WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyzéüøłñç", min_size=1, max_size=8), min_size=1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane Doe", "DOE_JANE"),
        ("Doe, Jane", "jane doe"),
        ("José Núñez", "JOSE_NUNEZ"),
        ("Jose\u0301 Nu\u0301n\u0303ez", "José Núñez"),
        ("Sean O'Brien", "SEAN_OBRIEN"),
        ("Sean O’Brien", "SEAN_O'BRIEN"),
        ("Anne-Marie Roe", "ANNE_MARIE_ROE"),
        ("Łukasz Strauß", "LUKASZ_STRAUSS"),
        ("Søren Æbelø", "SOREN_AEBELO"),
        ("Jan van der Berg", "van der Berg, Jan"),
        ("İpek Yılmaz", "IPEK_YILMAZ"),
    ],
)
def test_spellings_of_one_name_agree(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jane Doe", "Jane Mary Doe"), ("Jane Doe", "Jan Edoe"), ("Jane Doe", "Jane Jane Doe")],
)
def test_two_names_do_not_agree(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_umlauts_may_be_spelled_out() -> None:
    assert spelled_out("Anna Müller") == spelled_out("MUELLER_ANNA")
    assert folded("Anna Müller") == folded("MULLER_ANNA")


def test_canvas_s_names_in_one_word_are_known() -> None:
    assert "doejane" in run_together("Jane Doe")
    assert "vanderbergjan" in run_together("Jan van der Berg")
    assert "doejane" not in run_together("Jane Roe")


@given(WORDS, st.randoms(use_true_random=False), st.sampled_from(" _-,"))
def test_neither_order_nor_case_nor_signs_count(words: list[str], random, sign: str) -> None:  # type: ignore[no-untyped-def]
    turned = list(words)
    random.shuffle(turned)
    assert folded(" ".join(words)) == folded(sign.join(word.upper() for word in turned))


@given(st.text())
def test_any_text_has_words_and_folding_twice_changes_nothing(text: str) -> None:
    assert folded(" ".join(folded(text))) == folded(text)
    spelled_out(text)
    run_together(text)


def test_the_nearest_name_is_for_a_hint_alone() -> None:
    assert nearest("Jane Do", ["John Roe", "Jane Doe"]) == "Jane Doe"
    assert nearest("Xu Li", ["John Roe", "Jane Doe"]) is None
