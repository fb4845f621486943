"""Makes a prepared regrade's results the batch's; what was before goes into its history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.switch import NEW, REGRADE, switch
from grader.batch.regrade.difference import basis_of, prepared_basis
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.overrides import write_overrides


def apply(folder: BatchFolder, project: Project) -> Path:
    """Make the prepared results the batch's; return where the old ones are.

    Raises
    ------
    ConfigurationError
        If nothing is prepared, or the batch was graded again since.
    GraderError
        If something cannot be read or written; the batch is as it was then.
    """
    manifest = folder.manifest()
    basis = prepared_basis(folder)
    new = BatchFolder(folder.folder / REGRADE / NEW)
    with folder.finishing(), folder.changing():
        if basis_of(folder.one_by_one()) != basis:
            raise ConfigurationError(
                f"{folder.folder} was graded again since the regrade.",
                "Run `grader regrade` again, and look at what it changes now.",
            )
        # People may have decided since.
        write_overrides(new.overrides_path, folder.overrides())
        finish_batch(new, manifest, new.outlines(), project)
        name = _history_name(folder.folder / "history")
        switch(folder.folder, name)
    return folder.folder / "history" / name


def _history_name(place: Path) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    number = 1
    while (place / (name := now if number == 1 else f"{now}-{number}")).exists():
        number += 1
    return name
