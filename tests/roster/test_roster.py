"""The class list: read whatever its columns are called, wrong lines named, nobody guessed."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import ConfigurationError
from grader.roster import Person, Roster, Student, read_roster
from grader.roster.matching import match


def roster_of(tmp_path: Path, text: str | bytes) -> Roster:
    path = tmp_path / "students.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


@pytest.mark.parametrize(
    "text",
    [
        "name,seed\nJane Doe,4711\n",
        "Student ID;Last Name;First Name\r\n4711;Doe;Jane\r\n",
        "\ufefffirst\tlast\tsid\nJane\tDoe\t4711\n",
        'Name,ID\n"Doe, Jane",4711.0\n',
        "full_name,matriculation-number,email\nJane Doe,0004711,jane@x.edu\n\n",
        """Student,ID,SIS User ID,SIS Login ID,Section
    Points Possible,,,,
"Doe, Jane",99,4711,jdoe,A
"Student, Test",98,,,A
""",
        "Vorname;Nachname;Matrikelnummer\nJane;Doe;4711\n".encode("utf-16"),
        "name,note,seed\nJane Doe,d\xe9j\xe0,4711\n".encode("cp1252"),
    ],
)
def test_columns_are_known_by_many_names(tmp_path: Path, text: str | bytes) -> None:
    (jane,) = roster_of(tmp_path, text).students
    assert jane.seed == 4711
    assert set(re.findall(r"\w+", jane.name)) == {"Jane", "Doe"}


def test_a_canvas_gradebook_gives_the_students_own_numbers_and_canvas_s_ids(tmp_path: Path) -> None:
    text = 'Student,ID,SIS User ID,SIS Login ID,Section\n"Doe, Jane",99,4711,JDoe,A\n'
    (jane,) = roster_of(tmp_path, text).students
    assert (jane.seed, jane.ids) == (4711, {"canvas": "99", "student": "4711", "login": "jdoe"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no students"),
        ("name,seed\n", "holds no students"),
        ("who,seed\nJane,1\n", r'line 1, has no column for names among "who", "seed"'),
        ("name,points\nJane,1\n", "line 1, has no column for the students' numbers"),
        ("name,id,id\nJane,1,2\n", r'line 1, has the columns "id" and "id"'),
        ("name,seed\nJane Doe,1\n,2\n", "line 3, has no name"),
        ("name,seed\nJane Doe,1\nJohn Roe,\n", 'line 3, has no number for "John Roe"'),
        ("name,seed\nJane Doe,s12\n", 'line 2, has "s12" for "Jane Doe"'),
        ("name,seed\nJane Doe,-1\n", 'line 2, has "-1"'),
        ("name,seed\nJane Doe,4294967296\n", 'line 2, has "4294967296"'),
        ("name,seed\nJane Doe,1.2E+07\n", 'line 2, has "1.2E'),
        ("name,seed\nJane Doe,٣\n", 'line 2, has "٣"'),
        ("name,seed\nJane Doe\n", "line 2, has 1 cells, and 2 are needed"),
        ("name,seed\nJane Doe,1\nJohn Roe,1\n", r'line 3, gives "John Roe" the seed "1", which'),
        ('name,seed\n"Jane\nDoe",1\n"John",x\n', "line 4, has"),
        ('name,seed\n"Jane" Doe,1\n', "line 2, cannot be read"),
        (b"PK\x03\x04xlsx", "is no class list in CSV"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        roster_of(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(), st.text('name,seed;"\n\r\t01é').map(str.encode)))
def test_any_bytes_give_a_list_or_a_sentence(tmp_path: Path, data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        assert roster_of(tmp_path, data).students


CLASS = Roster(
    Path("students.csv"),
    (
        Student(2, "Jane Doe", {"canvas": "901", "email": "jane@x.edu"}, 11),
        Student(3, "Anna Müller", {"moodle": "77"}, 12),
        Student(4, "Xu Li", {"lms": "55"}, 13),
        Student(5, "Li Xu", {"lms": "56"}, 14),
    ),
)


@pytest.mark.parametrize(
    ("person", "seed"),
    [
        (Person(names=("DOE JANE",)), 11),
        (Person(names=("MUELLER ANNA",)), 12),
        (Person(squeezed="doejane"), 11),
        (Person(squeezed="mullera-nna"), 12),
        (Person({"canvas": "901"}, ("ANNA MULLER",)), 11),
        (Person({"email": "Jane@X.edu"}), 11),
        (Person({"moodle": "56"}, ("XU LI",)), 14),
        (Person({"canvas": "77"}, ("JANE DOE",)), 11),
    ],
)
def test_an_id_decides_and_else_the_name(person: Person, seed: int) -> None:
    found = match(CLASS.students, person)
    assert found.student is not None
    assert found.student.seed == seed


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (Person(names=("XU LI",)), "fits 2 students"),
        (Person({"canvas": "901", "moodle": "77"}), "fits 2 students"),
        (Person(names=("JANE D DOE",)), 'nearest is "Jane Doe"'),
        (Person(names=("Q",)), "nobody in it is called"),
        (Person(), "no name is known"),
        (Person(names=("", "--")), "nobody"),
    ],
)
def test_nobody_is_guessed(person: Person, why: str) -> None:
    found = match(CLASS.students, person)
    assert found.student is None
    assert why in found.why
