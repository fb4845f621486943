"""Gradescope's export: `submission_metadata.yml` beside a folder for each submission, unpacked.

What the student's zip and its top folder were called is lost in it, and must cost nothing.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

METADATA = "submission_metadata.yml"
_FOLDER = re.compile(r"submission_(\d+)")


class GradescopeSubmission(msgspec.Struct, frozen=True):
    """What the metadata say of one submission.

    Attributes
    ----------
    number : str
        The submission's.
    names, sids, emails : tuple of str
        Of those who handed in, in one order; empty where not known.
    late : bool or None
        None where the export does not say.
    """

    number: str
    names: tuple[str, ...] = ()
    sids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    late: bool | None = None

    @property
    def lms(self) -> dict[str, str]:
        """The numbers, for the report."""
        known = {"lms": "gradescope", "submission_id": self.number}
        for key, values in (("name", self.names), ("sid", self.sids), ("email", self.emails)):
            if values and values[0]:
                known[key] = values[0]
        if len(self.names) > 1:
            known["group"] = ", ".join(self.names)
        if self.late is not None:
            known["late"] = "yes" if self.late else "no"
        return known


class _Loader(yaml.SafeLoader):
    """Reads plain data; what Ruby marks as its own is read as the data that it is."""


def _plain(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!ruby/", _plain)
# Numbers and dates stay as they are written: a student's id may begin with a zero.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag.endswith((":bool", ":null"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def folder_number(name: str) -> str | None:
    """Return the number of a submission's folder; None if it is none."""
    found = _FOLDER.fullmatch(name)
    return found[1] if found else None


def read_metadata(text: bytes) -> dict[str, GradescopeSubmission]:
    """Read `submission_metadata.yml`.

    Returns
    -------
    dict
        By the folder's name.

    Raises
    ------
    ValueError
        If it is not what Gradescope writes.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    if not isinstance(document, dict):
        raise ValueError("it holds no submissions")
    found = {}
    for folder, said in document.items():
        number = folder_number(str(folder))
        if number is not None:
            found[str(folder)] = _submission(number, said if isinstance(said, dict) else {})
    return found


def _submission(number: str, said: dict[Any, Any]) -> GradescopeSubmission:
    listed = _get(said, "submitters")
    people = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    late = next((v for name in ("late", "lateness") if (v := _get(said, name)) is not None), None)
    return GradescopeSubmission(
        number,
        names=tuple(_word(_get(one, "name")) for one in people),
        sids=tuple(_word(_get(one, "sid")) for one in people),
        emails=tuple(_word(_get(one, "email")) for one in people),
        late=None
        if late is None
        else str(late).strip("0:. ").casefold() not in ("", "no", "false"),
    )


def _get(said: dict[Any, Any], name: str) -> Any:
    """Return a value by its name, which Ruby writes with a colon before it."""
    return said.get(f":{name}", said.get(name))


def _word(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()
