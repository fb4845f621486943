"""The class list: who is in the class, and which student has which number.

`reading` makes a `Roster` of students.csv, `matching` says whose a submission is, and `names` when
two spellings are the same name.
"""

from grader.roster.matching import Match, Person
from grader.roster.reading import read_roster
from grader.roster.students import Roster, Student

__all__ = ["Match", "Person", "Roster", "Student", "read_roster"]
