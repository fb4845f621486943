"""Grades a whole class: many submissions, nothing lost, nothing graded twice."""
