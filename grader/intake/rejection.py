"""What intake says when an archive or folder cannot be taken in at all: the student's fault."""

import msgspec

from grader.model import Identity


class Rejection(msgspec.Struct, frozen=True):
    """Why nothing of a submission could be graded.

    Attributes
    ----------
    archive : str
        File name of the zip or folder, without its folders.
    sha256 : str
        Hex digest of the archive's bytes; of nothing for a folder.
    identity : Identity
        The student, as far as the archive's name tells.
    reason : str
        What was found and what to do, in one sentence for the student.
    """

    archive: str
    sha256: str
    identity: Identity
    reason: str


class RefusedError(Exception):
    """Ends the reading of an archive; intake turns it into a `Rejection`, so nobody else sees it.

    Parameters
    ----------
    found : str
        What was found, as a clause that starts with the archive or the folder's thing.
    do : str
        What the student can do about it.
    """

    def __init__(self, found: str, do: str = "zip the lab's folder again and hand that in") -> None:
        super().__init__(found, do)
        self.reason = f"{found}; {do}."
