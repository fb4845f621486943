"""Makes an autograder that runs nothing: it hands out, by submission, what a batch has found."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import BinaryIO

_DATE = (1980, 1, 1, 0, 0, 0)
_SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root. The results are for root alone.
set -euo pipefail
chmod -R go-rwx /autograder/source
command -v python3 >/dev/null || { apt-get update -qq && apt-get install -y -qq python3; }
"""
_RUN = """\
#!/usr/bin/env bash
# Hands out the result that a batch has found for this very submission; nothing of it is run.
set -euo pipefail
number=$(python3 -c 'import json
print(int(json.load(open("/autograder/submission_metadata.json"))["id"]))')
result=/autograder/source/results/$number.json
if [ ! -f "$result" ]; then
    echo "There is no grade for submission $number yet: see what grader export listed."
    exit 1
fi
cp "$result" /autograder/results/results.json
"""


def write_settled(file: BinaryIO, results: Iterable[tuple[str, bytes]]) -> None:
    """Write the zip; a submission without a result fails to run, and has no zero.

    Parameters
    ----------
    file : binary file
        Where to.
    results : iterable of (str, bytes)
        Each submission's number in Gradescope, and its results.json.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, program in (("setup.sh", _SETUP), ("run_autograder", _RUN)):
            archive.writestr(_entry(name, 0o100755), program)
        for number, data in results:
            archive.writestr(_entry(f"results/{number}.json", 0o100644), data)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
