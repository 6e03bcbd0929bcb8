"""A page as text: what somebody sees of it, in lines, for the manual."""

from __future__ import annotations

from html.parser import HTMLParser

UNSEEN = {"skip", "stale", "unseen", "days", "quiet", "legend"}
"""The classes whose elements are left out: seen by few, or not at all."""

_BLOCKS = {"h1", "h2", "h3", "p", "li", "tr"}
_VOID = {"meta", "link", "br", "rect", "path", "line"}


class PageText(HTMLParser):
    """Reads a page; `lines` is what it shows."""

    def __init__(self, html: str) -> None:
        """Read *html*."""
        super().__init__()
        self.lines: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._text = ""
        self._rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            return
        is_unseen = tag in {"head", "footer"} or not UNSEEN.isdisjoint(
            given.get("class", "").split()
        )
        self._open.append((tag, is_unseen or (bool(self._open) and self._open[-1][1])))
        if tag == "svg" and not self._open[-1][1]:
            self.lines.append(f"  {given['aria-label']}")
        elif tag == "tr":
            self._rows.append([])
        elif tag == "li" and self._rows and self._text.strip():
            self._text += "; "
        elif tag == "table":
            self._rows = []

    def handle_data(self, data: str) -> None:
        """Keep a text, if it is seen."""
        if self._open and not self._open[-1][1]:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _VOID:
            return
        _, is_unseen = self._open.pop()
        if tag in {"td", "th"}:
            self._rows[-1].append(self._taken())
        elif tag == "table":
            self._lay_out()
        elif tag in _BLOCKS and not is_unseen and not self._rows and (text := self._taken()):
            self._say(tag, text)
        if tag == "table":
            self._rows = []

    def _taken(self) -> str:
        text, self._text = " ".join(self._text.split()), ""
        return text.replace(" ,", ",")

    def _say(self, tag: str, text: str) -> None:
        match tag:
            case "h1":
                self.lines += ["", text, "=" * len(text)]
            case "h2":
                self.lines += ["", text]
            case "li":
                self.lines.append(f"  - {text}")
            case "h3":
                pass
            case _:
                self.lines.append(text if len(self.lines) < 2 else f"  {text}")

    def _lay_out(self) -> None:
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        for row in self._rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.lines.append(f"  {'  '.join(cells)}".rstrip())


def text_of_page(html: str) -> str:
    """Return a page as a text of some lines."""
    return "\n".join(PageText(html).lines).strip() + "\n"
