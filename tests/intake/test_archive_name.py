"""Names of archives, as students, browsers and course sites write them."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.intake.archive_name import read_name, same_stem

JANE = ("JANE", "DOE")


@pytest.mark.parametrize(
    ("file_name", "who"),
    [
        ("JANE_DOE_LAB3.zip", JANE),
        ("JANE_DOE_LAB3.ZIP", JANE),
        ("JANE_DOE_LAB3.zip.zip", JANE),
        ("jane_doe_lab3.zip", JANE),
        ("Jane_Doe_Lab3.zip", JANE),
        ("JANE_DOE_LAB3-1.zip", JANE),
        ("JANE_DOE_LAB3 (2).zip", JANE),
        ("JANE_DOE_LAB3(2).zip", JANE),
        ("JANE_DOE_LAB3%20(2).zip", JANE),
        ("JANE_DOE_LAB3_1.zip", JANE),
        ("JANE_DOE_LAB3__2_.zip", JANE),
        ("JANE_DOE_LAB3-1 (2).zip", JANE),
        ("JANE_DOE_LAB3 - Copy.zip", JANE),
        ("JANE_DOE_LAB3 - Copy (2).zip", JANE),
        ("JANE_DOE_LAB3 copy 2.zip", JANE),
        ("doejane_4711_99012_JANE_DOE_LAB3.zip", JANE),
        ("doejane_LATE_4711_99012_JANE_DOE_LAB3.zip", JANE),
        ("doejane_4711_99012_jane_doe_lab3-1.zip", JANE),
        ("anon_x3Fk2_99012_JANE_DOE_LAB3.zip", JANE),
        ("LATE_anon_x3Fk2_99012_JANE_DOE_LAB3.zip", JANE),
        ("Jane Doe_1234_assignsubmission_file_JANE_DOE_LAB3.zip", JANE),
        ("Jane Mary Doe_1234_assignsubmission_file__JANE_DOE_LAB3.zip", JANE),
        ("Lab 3_jd42_attempt_2025-10-01-13-05-59_JANE_DOE_LAB3.zip", JANE),
        ("MARIA_DEL_CARMEN_GARCIA_LAB3.zip", ("MARIA", "DEL_CARMEN_GARCIA")),
        ("ANNE-MARIE_MEYER-LANSKY_LAB3.zip", ("ANNE-MARIE", "MEYER-LANSKY")),
        ("CONAN_O'BRIEN_LAB3.zip", ("CONAN", "O'BRIEN")),
        ("CONAN_O’BRIEN_LAB3.zip", ("CONAN", "O’BRIEN")),
        ("JOSÉ_NÚÑEZ_LAB3.zip", ("JOSÉ", "NÚÑEZ")),
        ("JOSE\u0301_NU\u0301N\u0303EZ_LAB3.zip", ("JOSÉ", "NÚÑEZ")),
        ("张_伟_LAB3.zip", ("张", "伟")),
        ("प्रिया_शर्मा_LAB3.zip", ("प्रिया", "शर्मा")),
        ("JOHN_ST._JOHN_LAB3.zip", ("JOHN", "ST_JOHN")),
        ("JANE_LAB_LAB3.zip", ("JANE", "LAB")),
    ],
)
def test_a_name_that_people_really_use_is_read_and_costs_nothing(
    file_name: str, who: tuple[str, str]
) -> None:
    name = read_name(file_name, "LAB3")

    assert (name.identity.first_name, name.identity.last_name) == who
    assert name.right, name.findings
    assert name.canonical == "_".join([*who, "LAB3"])


@pytest.mark.parametrize(
    ("file_name", "id_", "who"),
    [
        ("JANE_DOE.zip", "missing-suffix", JANE),
        ("JANE_DOE (2).zip", "missing-suffix", JANE),
        ("JANE_DOE_LAB2.zip", "wrong-lab", JANE),
        ("JANE_DOE_LAB.zip", "wrong-lab", JANE),
        ("JANE_DOE_LAB33.zip", "wrong-lab", JANE),
        ("JANE DOE LAB3.zip", "not-to-the-letter", JANE),
        ("JANE%20DOE%20LAB3.zip", "not-to-the-letter", JANE),
        ("jane-doe-lab3.zip", "not-to-the-letter", JANE),
        ("JANE.DOE_LAB3.zip", "not-to-the-letter", JANE),
        ("JANE_DOE-LAB3.zip", "not-to-the-letter", JANE),
        ("JANE__DOE_LAB3.zip", "not-to-the-letter", JANE),
        ("JANE_DOE_LAB_3.zip", "not-to-the-letter", JANE),
        ("JANE_DOE_LAB03.zip", "not-to-the-letter", JANE),
        ("JANE_DOELAB3.zip", "not-to-the-letter", JANE),
        ("LAB3_JANE_DOE.zip", "not-to-the-letter", JANE),
        ("JANE_DOE_12345_LAB3.zip", "not-to-the-letter", JANE),
        ("JANE_DOE_LAB3_final.zip", "not-to-the-letter", JANE),
        ("JANE_LAB3.zip", "one-name", ("JANE", None)),
        ("LAB3.zip", "no-name", (None, None)),
        ("doejane_4711_99012_LAB3.zip", "no-name", (None, None)),
        ("FIRSTNAME_LASTNAME_LAB3.zip", "placeholder", (None, None)),
        ("homework.zip", "unreadable-name", (None, None)),
        (".zip", "unreadable-name", (None, None)),
        ("1234.zip", "unreadable-name", (None, None)),
    ],
)
def test_a_name_not_to_the_letter_is_read_and_costs_the_names_points(
    file_name: str, id_: str, who: tuple[str | None, str | None]
) -> None:
    name = read_name(file_name, "LAB3")

    assert [f.id for f in name.findings if f.costs == "archive-name"] == [id_]
    assert (name.identity.first_name, name.identity.last_name) == who


def test_the_message_says_how_the_archive_should_be_named() -> None:
    (finding,) = read_name("JANE_DOE_LAB2.zip", "LAB3").findings

    assert finding.message == (
        "The archive should be named JANE_DOE_LAB3.zip: it says LAB2 where LAB3 belongs."
    )


def test_remarks_say_that_they_cost_nothing() -> None:
    findings = read_name("doejane_4711_99012_jane_doe_lab3-1.zip", "LAB3").findings

    assert [finding.id for finding in findings] == ["site-prefix", "resubmission", "lower-case"]
    assert all(finding.message.endswith("That costs nothing.") for finding in findings)


def test_the_labs_name_is_data() -> None:
    assert read_name("JANE_DOE_LAB4.zip", "LAB4").right
    assert read_name("JANE_DOE_PROJECT.zip", "PROJECT").right


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("JANE_DOE_LAB3", "jane_doe_lab3", True),
        ("JOSÉ_LAB3", "JOSE\u0301_LAB3", True),
        ("JOSÉ_LAB3", "JOSE_LAB3", True),
        ("MÁRIO_LAB3", "M╡RIO_LAB3", True),  # what a zip without the UTF-8 flag makes of it
        ("MÁRIO_LAB3", "MRIO_LAB3", False),
        ("JANE_DOE_LAB3", "JANE_DOW_LAB3", False),
        ("张_伟_LAB3", "JANE_DOE_LAB3", False),
    ],
)
def test_stems_are_the_same_but_for_case_and_accents(one: str, other: str, same: bool) -> None:
    assert same_stem(one, other) is same


words = st.text(st.sampled_from("abcDEFéÑ'-"), min_size=1, max_size=8).filter(
    lambda word: word[0].isalpha() and word[-1].isalpha()
)


@given(st.lists(words, min_size=2, max_size=5))
def test_every_name_of_letters_in_the_asked_form_is_right(names: list[str]) -> None:
    stem = "_".join([*names, "LAB3"])
    name = read_name(f"{stem}.zip", "LAB3")

    assert name.right
    assert name.canonical is not None
    assert same_stem(name.canonical, stem)


@given(st.text(max_size=400))
@example("_" * 400)
@example("JANE_DOE-_LAB3")
@example("JANE_DOE_LAB3" + "_1_" * 90 + "x")
@example("\0\x1b\u202e\ud800.zip")
def test_any_string_at_all_gives_an_answer(text: str) -> None:
    name = read_name(text, "LAB3")

    assert name.right or [f.costs for f in name.findings].count("archive-name") == 1
    if name.canonical:
        assert read_name(f"{name.canonical}.zip", "LAB3").identity == name.identity


@pytest.mark.parametrize("unit", ["_", "_1", "__1", " (1)", "lab", "lab3", "1_1_", "-copy", "a_1_"])
def test_no_name_takes_long_to_read(unit: str) -> None:
    started = time.process_time()
    read_name(unit * 300 + "!", "LAB3")

    assert time.process_time() - started < 1
