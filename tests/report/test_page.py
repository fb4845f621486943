"""What every page has in common: escaping, the policy, and colours that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from grader.report.page import TEMPLATES, counted, number, render, shown
from tests.report.html_page import Page


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x00", "\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\r\nb", "a\\r\nb"),
        (3, 3),
        (Markup("<b>\x00"), Markup("<b>\x00")),
    ],
)
def test_text_is_shown_without_characters_that_act(given: object, expected: object) -> None:
    assert shown(given) == expected


def test_no_text_is_cut_however_many_escapes_it_takes() -> None:
    assert shown("\U000e0001" * 50) == "\\U000e0001" * 50


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (10.0, "10"), (0.1 + 0.2, "0.3"), (100.0, "100"), (7.256, "7.26"), (0.001, "0")],
)
def test_numbers_are_short(value: float | None, expected: str) -> None:
    assert number(value) == expected


def test_nouns_take_an_s_for_more_than_one() -> None:
    assert [counted(n, "case") for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]


def test_a_further_folder_s_templates_look_like_the_others(tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text(
        "{% extends 'base.html' %}{% block title %}{{ what }}{% endblock %}"
        "{% block body %}<main>{{ what }}</main>{% endblock %}"
    )
    page = Page(render("mine.html", tmp_path, what="<b>\x00"))
    assert page.text.count("<b>\\x00") == 2
    assert len(page.all("style")) == 1


def test_a_template_that_names_what_it_was_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("student.html", lab="LAB3")


def test_the_style_sheet_and_the_script_cannot_end_early() -> None:
    for name in ("style.css", "page.js"):
        assert "</" not in (TEMPLATES / name).read_text()


# WCAG 2.2, relative luminance and contrast ratio; 4.5 is what level AA asks of small text.
def _luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_that_people_need(theme: int) -> None:
    roots = re.findall(r":root \{(.*?)\}", (TEMPLATES / "style.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", roots[theme]))
    for ink in ("ink", "faint", "accent"):
        for ground in ("paper", "panel"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for kind in ("good", "part", "bad", "wait"):
        assert _contrast(colours[kind], colours[f"{kind}-soft"]) >= 4.5, kind
    assert _contrast(colours["ink"], colours["part-soft"]) >= 4.5
