"""Looks for what is alike in a class: code, plots, archives. For people, and never for points.

Students' code is text here: read, cut into tokens and compared, never imported.

    fingerprint     one file's code, as hashes of its stretches
    code            which submissions share code
    shared          where two of them do
    plots           which plots are nearly the same
    find            all of it for a batch, kept in `likeness.json`
"""

from grader.batch.likeness.find import FILE, find_likeness

__all__ = ["FILE", "find_likeness"]
