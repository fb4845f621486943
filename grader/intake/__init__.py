"""Takes in a student's work: a zip or a folder becomes a `Submission`, or a `Rejection`.

Everything stays in memory. A student's fault is a value, never an exception:

    archive_name    FIRSTNAME_LASTNAME_LAB3.zip and what becomes of it
    file_name       its text, whoever wrote it
    zip_records     a zip's headers, checked against each other
    unzip           contents, counted against the limits     tree        what was unpacked
    entry_path      what a path may be                       left_out    what is dropped for free
    layout          where the root is, required names        source_text how files were saved
    archive, folder the two ways in
"""

from grader.intake.archive import archive_digest, read_archive, read_archive_bytes
from grader.intake.archive_name import ArchiveName, read_name
from grader.intake.file_name import file_name, is_text, name_text
from grader.intake.folder import NOT_PACKED, read_folder
from grader.intake.rejection import Rejection
from grader.intake.shown import listed, quoted

__all__ = [
    "NOT_PACKED",
    "ArchiveName",
    "Rejection",
    "archive_digest",
    "file_name",
    "is_text",
    "listed",
    "name_text",
    "quoted",
    "read_archive",
    "read_archive_bytes",
    "read_folder",
    "read_name",
]
