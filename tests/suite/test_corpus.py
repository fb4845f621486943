"""The corpus is read as written, and an entry that no longer fits is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grader.errors import ConfigurationError
from grader.lab import Project
from grader.suite.corpus import Bug, Edit, Variant, apply_edits, choose, read_corpus
from grader.suite.implementations import right_solution

from .conftest import SOFTMAX_AXIS

Write = Callable[..., None]


def test_the_corpus_holds_as_many_bugs_and_variants_as_were_asked_for(project: Project) -> None:
    corpus = read_corpus(project)
    assert len(corpus.bugs) >= 150
    assert len(corpus.variants) >= 60
    hiding = [bug for bug in corpus.bugs if len(bug.edits) > 1]
    assert hiding


def test_every_entry_fits_the_reference(project: Project) -> None:
    reference = right_solution(project)
    corpus = read_corpus(project)
    for bug in corpus.bugs:
        assert apply_edits(reference, bug.edits, bug.id) != reference, bug.id
    for variant in corpus.variants:
        assert apply_edits(reference, variant.edits, variant.id) != reference, variant.id


def test_no_two_entries_are_the_same_implementation(project: Project) -> None:
    reference = right_solution(project)
    corpus = read_corpus(project)
    seen: dict[tuple[tuple[str, bytes], ...], str] = {}
    entries: tuple[Bug | Variant, ...] = (*corpus.bugs, *corpus.variants)
    for entry in entries:
        files = tuple(sorted(apply_edits(reference, entry.edits, entry.id).items()))
        assert files not in seen, f"{entry.id} is {seen.get(files)}"
        seen[files] = entry.id


def test_an_edit_whose_text_is_not_there_once_is_refused_with_its_owner() -> None:
    files = {"layers/full.py": b"a = 1\na = 1\n"}
    for old in ("a = 1", "b = 1"):
        with pytest.raises(ConfigurationError, match="my-bug no longer fits"):
            apply_edits(files, (Edit("layers/full.py", old=old, new="c"),), "my-bug")


def test_an_edit_without_old_text_replaces_the_file() -> None:
    edited = apply_edits({"a.py": b"1"}, (Edit("a.py", new="2"), Edit("b.py", new="3")), "x")
    assert edited == {"a.py": b"2", "b.py": b"3"}


def test_an_id_that_stands_twice_is_refused(
    copied: Project, write_bug: Write, write_variant: Write
) -> None:
    write_bug("same", ["softmax"], SOFTMAX_AXIS)
    write_variant("same", SOFTMAX_AXIS)
    with pytest.raises(ConfigurationError, match="two entries 'same'"):
        read_corpus(copied)


@pytest.mark.parametrize("items", [[], ["structure"], ["sofmax"]])
def test_a_bug_must_name_items_that_tests_decide(
    copied: Project, write_bug: Write, items: list[str]
) -> None:
    write_bug("lost", items, SOFTMAX_AXIS)
    with pytest.raises(ConfigurationError, match="'lost'"):
        read_corpus(copied)


def test_a_file_that_is_not_valid_is_named(copied: Project) -> None:
    path = copied.hidden_tests / "bugs" / "broken.toml"
    path.parent.mkdir()
    path.write_text("[[bug]]\nid = 3\n")
    with pytest.raises(ConfigurationError, match=r"broken\.toml"):
        read_corpus(copied)


def test_a_pattern_that_no_entry_matches_is_named(copied: Project, write_bug: Write) -> None:
    write_bug("softmax-by-column", ["softmax"], SOFTMAX_AXIS)
    corpus = read_corpus(copied)
    assert choose(corpus, ["softmax-by-column"]) == corpus
    with pytest.raises(ConfigurationError, match="an id like 'sofmax-"):
        choose(corpus, ["softmax-*", "sofmax-*"])
