"""The report: what a grading found, for staff and for students."""
