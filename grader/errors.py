"""What goes wrong on the grader's own side, as exceptions; a student's fault is never one."""


class GraderError(Exception):
    """Something of ours failed, so that a thing could not be graded.

    Parameters
    ----------
    what : str
        What happened and where, in one sentence.
    do : str
        What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what} {self.do}"


class ConfigurationError(GraderError):
    """The command line or `lab.toml` asks for something that cannot be."""

    exit_code = 2


class NoSandboxError(GraderError):
    """No sandbox of the asked kind can be had on this machine."""

    exit_code = 3
