"""The manifest of a batch is read as it was written, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.folder.manifest import Manifest, decode, encode
from grader.batch.source.handed import Handed
from grader.errors import ConfigurationError

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
paths = st.from_regex(r"/[a-z é]{1,9}/[a-z]{1,9}\.zip", fullmatch=True)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    handed = [
        Handed(
            draw(text),
            Path(draw(paths)),
            draw(text),
            draw(st.none() | st.dictionaries(text, text, max_size=3)),
            tuple(draw(st.lists(text, max_size=2))),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return Manifest(
        source=Path(draw(paths)),
        sandbox="auto",
        items=tuple(draw(st.lists(text, max_size=3))),
        seed=draw(st.integers(0, 2**31)),
        roster=Path(draw(paths)) if draw(st.booleans()) else None,
        handed=tuple(handed),
        passed_over=tuple(draw(st.lists(text, max_size=2))),
    )


@given(manifests())
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert decode(encode(manifest)) == manifest


def test_a_path_that_is_no_text_is_named() -> None:
    manifest = Manifest(source=Path("/a\udcff"), sandbox="auto", items=(), seed=1, handed=())
    with pytest.raises(ConfigurationError, match=r"'/a\\udcff' is no text"):
        encode(manifest)


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(document: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(document)


@given(manifests())
def test_another_kind_of_document_is_refused(manifest: Manifest) -> None:
    other = encode(manifest).replace(b"grader-batch-manifest/1", b"grader-batch-manifest/9")
    with pytest.raises(msgspec.DecodeError):
        decode(other)
