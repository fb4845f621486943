"""Reads a page as a browser would, as far as tests ask: nesting, links, text, what runs."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

VOID = frozenset({"meta", "link", "img", "br", "hr", "input", "rect", "line", "circle", "path"})
ATTRIBUTES = frozenset({"src", "href", "srcset", "action", "formaction", "data", "poster"})


class Page(HTMLParser):
    """What stands in a page; raises AssertionError where tags do not nest.

    Attributes
    ----------
    tags : list of (str, dict)
        Every start tag with its attributes.
    text : str
        All text outside of style sheets and scripts.
    """

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document.decode())
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> in the wrong place, line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def addresses(self) -> list[str]:
        """Every address that the page names, wherever."""
        return [
            value or ""
            for _, attributes in self.tags
            for name, value in attributes.items()
            if name in ATTRIBUTES
        ]

    @property
    def ids(self) -> list[str]:
        return [value["id"] or "" for _, value in self.tags if "id" in value]


def assert_needs_nothing_else(page: Page) -> None:
    """Hold a page to being one file: no address that a browser would fetch on its own."""
    for tag, attributes in page.tags:
        assert tag not in {"iframe", "object", "embed", "form", "base"}, tag
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "srcset", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), attributes
    assert len(page.all("script")) == len(page.all("style")) == 1
    for address in page.addresses:
        assert address.startswith(("data:", "#", "submissions/")), address
    inside = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    (policy,) = [
        meta["content"] or ""
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy


def assert_accessible(page: Page) -> None:
    """Hold a page to what people need who do not see it, or use no mouse."""
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4", "h5"}]
    for level, following in pairwise(levels):
        assert following <= level + 1, f"a heading h{following} right below h{level}"
    assert all(image.get("alt") for image in page.all("img"))
    assert all(header.get("scope") for header in page.all("th"))
    for drawing in page.all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label")
