"""Makes a regrade's results the batch's, whole or not at all.

    DIR/regrade/new/         the new submissions/, gradebook.csv, ...: a batch's folder
    DIR/regrade/apply.json   from when it is there, the new ones are to be the batch's
    DIR/history/.TIME/       what was before, while it is put together
    DIR/history/TIME/        what was before: a batch's folder too

Everything is made ready first. Then `apply.json` is written, and what follows is renames alone: if
they are cut short, whoever reads the batch next finishes them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically

REGRADE = "regrade"
NEW = "new"
SUBMISSIONS = "submissions"
_JOURNAL = "apply.json"
_DONE = ".regrade-applied"


class _Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done: under which name the old results go into history, and which files."""

    history: str
    files: tuple[str, ...]


def is_cut_short(folder: Path) -> bool:
    """Return whether a switch was decided on and not finished."""
    return (folder / REGRADE / _JOURNAL).exists()


def switch(folder: Path, history: str) -> None:
    """Put the new results in the old ones' place, and these into history.

    Parameters
    ----------
    folder : Path
        Of the batch, which the caller keeps others from changing.
    history : str
        Name for the old results in `history/`; nothing there has it.
    """
    staged = folder / "history" / f".{history}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for name in _files(folder):
        shutil.copy2(folder / name, staged / name)
    journal = _Journal(history, _files(folder / REGRADE / NEW))
    write_atomically(folder / REGRADE / _JOURNAL, msgspec.json.encode(journal))
    finish(folder)


def _files(folder: Path) -> tuple[str, ...]:
    """Return the files of a batch's folder beside its submissions, such as `gradebook.csv`."""
    return tuple(path.name for path in folder.iterdir() if path.is_file() and path.name[0] != ".")


def finish(folder: Path) -> None:
    """Do what is left of a switch that was decided on; each step only if it is not done yet."""
    regrade, applied = folder / REGRADE, folder / _DONE
    if not is_cut_short(folder):
        shutil.rmtree(applied, ignore_errors=True)
        return
    journal = msgspec.json.decode((regrade / _JOURNAL).read_bytes(), type=_Journal)
    staged = folder / "history" / f".{journal.history}"
    new = regrade / NEW
    if staged.exists():
        old, fresh = folder / SUBMISSIONS, new / SUBMISSIONS
        if fresh.exists():
            if old.exists():
                old.rename(staged / SUBMISSIONS)
            fresh.rename(old)
        for name in journal.files:
            if (new / name).exists():
                (new / name).replace(folder / name)
        staged.rename(folder / "history" / journal.history)
    shutil.rmtree(applied, ignore_errors=True)
    regrade.rename(applied)
    shutil.rmtree(applied, ignore_errors=True)
