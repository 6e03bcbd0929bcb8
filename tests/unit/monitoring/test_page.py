"""The page: what it says of a scene, that nothing in it is more than text, and what it costs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from daemon.core.progress import Pending, Progress
from daemon.core.repository import RepositoryKey
from daemon.monitoring.endpoint import Page
from daemon.monitoring.page.scene import HistoryScene, LedgerScene, Scene
from daemon.monitoring.page.site import Site
from daemon.monitoring.page.strips import Kind, Span, Strips, strip
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.rules import Once, Weekly
from daemon.windows.timeline import Timeline
from tests import manual
from tests.unit.monitoring.page_scenes import (
    BERLIN,
    EVIL,
    NOW,
    attempt,
    busy,
    hostile,
    large,
    pictured,
    scene,
    window,
)
from tests.unit.monitoring.page_text import text_of_page

LARGEST_PAGE = 300_000
HOUR = timedelta(hours=1)


def page_of(found: Scene, target: str = "/") -> Page:
    """Return the page at *target*, which there is."""
    make = Site(lambda: found).find(target)
    assert make is not None
    return make()


def html_of(found: Scene, target: str = "/") -> str:
    """Return the HTML at *target*."""
    return page_of(found, target).body.decode()


def text_of(found: Scene, target: str = "/") -> str:
    """Return what a person reads at *target*, in one line."""
    html = re.sub(r'<span class="unseen">.*?</span>', "", html_of(found, target))
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


class Shape(HTMLParser):
    """The elements and attributes of a page: what of it is no text."""

    def __init__(self, html: str) -> None:
        """Read *html*."""
        super().__init__()
        self.parts: set[tuple[str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and the names of its attributes."""
        self.parts |= {(tag, name) for name, _ in attrs} | {(tag, "")}


def test_it_answers_whether_one_may_start() -> None:
    """Nothing open, all paused, and not all: each is said first, with what is missing and why."""
    found = busy()
    paused = {id_: type(each)(wanted=4, paused=4) for id_, each in found.progress.items()}

    assert "No window is open." in text_of(scene())
    prod = replace(found.clusters[0], pending=0)
    all_paused = replace(found, progress=paused, clusters=(prod,))
    assert "Everything is paused: 4 of 4. You may start." in text_of(all_paused)
    missing = text_of(found)
    assert "Not everything is paused: 3 of 4; dr does not answer. Do not start yet." in missing
    assert "prod /repository-3: not looked at yet" in missing
    assert "dr : dr does not answer (refused)" in missing


def test_nobody_may_start_while_tasks_run() -> None:
    """A pause does not end a backup that runs: it is named until it has ended."""
    found = busy()
    paused = {id_: type(each)(wanted=4, paused=4) for id_, each in found.progress.items()}
    records = found.clusters[0].records
    running = tuple(replace(each, running=("full",)) for each in records if each.is_hold)
    prod = replace(found.clusters[0], pending=0, records=(running[0], *records[1:]))
    one = replace(found, progress=paused, clusters=(prod,))
    four = replace(running[0], key=RepositoryKey("prod", "z"))
    many = replace(one, clusters=(replace(prod, records=(*running, four)),))

    text = text_of(one)

    assert "Everything is paused: 4 of 4. Tasks still run on prod/repository-0: wait" in text
    assert "You may start" not in text
    assert "repository-1, prod/repository-2 and 1 more: wait for them." in text_of(many)
    assert "paused; still running: full" in text_of(one, "/clusters/prod")


def test_a_repository_of_two_open_windows_counts_once() -> None:
    """One open window has the counts of its row, two have those of the clusters together."""
    found = busy()
    now = datetime(2026, 10, 24, 22, tzinfo=UTC)
    both = found.timeline.covering(now)
    far = {opening.id: Progress(wanted=4, paused=4) for opening in both}
    prod = replace(found.clusters[0], wanted=4, pending=0)

    text = text_of(replace(found, now=now, progress=far, clusters=(prod,)))

    assert len(both) == 2
    assert "Everything is paused: 4 of 4. You may start." in text


def test_it_tells_what_comes_and_what_does_not() -> None:
    """Openings that are skipped or excluded stay visible, by whom and why; early pauses, too."""
    text = text_of(busy())

    assert "23:00 to Thu 22 Oct 01:00 no skipped by eve@ops1: no patches" in text
    assert "Thu 22 Oct 23:00 to Fri 23 Oct 01:00 at Thu 22 Oct 22:45" in text
    days_off = text_of(replace(busy(), now=NOW + timedelta(days=6, hours=12)))
    assert "23:00 to Wed 28 Oct 01:00 no excluded" in days_off
    assert "Thu 29 Oct 23:00 to Fri 30 Oct 01:00 at Thu 29 Oct 22:45" in days_off


def test_the_history_says_which_opening_a_person_decided_about() -> None:
    """As `history` does: who skips, takes back or extends one means one of many."""
    day = timedelta(days=1)
    decided = [
        Override(kind, "nightly", NOW + day, end, NOW, "eve@ops1")
        for kind, end in (
            (OverrideKind.SKIP, None),
            (OverrideKind.UNSKIP, None),
            (OverrideKind.EXTEND, NOW + 2 * day),
            (OverrideKind.CLOSE, NOW),
        )
    ]

    text = text_of(scene(history=tuple(HistoryScene(each.made, each) for each in decided)))

    assert "skip nightly not Wed 21 Oct 23:30, by eve@ops1" in text
    assert "unskip nightly Wed 21 Oct 23:30 after all, by eve@ops1" in text
    assert "extend nightly until Thu 22 Oct 23:30, by eve@ops1" in text
    assert "close nightly until 23:30, by eve@ops1" in text


def test_each_window_is_among_what_comes() -> None:
    """One that opens once a year is told of, however often another one does before."""
    start = NOW + timedelta(days=300)
    rare = window("rare", rule=Once(start, start + timedelta(hours=1)))
    often = window("often", rule=Weekly(frozenset(range(7)), time(1), duration=HOUR))
    text = text_of(scene(timeline=Timeline((rare, often, window("nightly")))))

    assert text.count("when it opens") == 3
    assert "rare Mon 16 Aug 2027 23:30 to Tue 17 Aug 2027 00:30 when it opens" in text


def test_what_is_held_without_a_window_is_said_first() -> None:
    """Before an opening that pauses early, and after one until all is resumed."""
    early = busy().timeline.windows["nightly"]
    now = datetime(2026, 10, 22, 20, 50, tzinfo=UTC)
    timeline = Timeline((early,))
    opening = timeline.holding("prod", now)[0]
    begun = {opening.id: Progress(4, 3)}
    held = replace(scene().clusters[0], records=busy().clusters[0].records)

    assert "No window is open. nightly pauses early: 3 of 4 paused." in text_of(
        scene(now=now, timeline=timeline, progress=begun)
    )
    assert "No window is open. 3 repositories are still to be resumed." in text_of(
        scene(clusters=(held,))
    )
    assert "No window is open. Nothing is held." in text_of(scene())


def test_nobody_may_start_where_nothing_is_to_be_paused() -> None:
    """A window whose patterns match nothing is open, and has paused nothing at all."""
    found = busy()
    none = {id_: Progress(empty=("prod", "dr")) for id_ in found.progress}
    clusters = [replace(each, wanted=0, pending=0) for each in found.clusters]
    text = text_of(replace(found, progress=none, clusters=tuple(clusters)))

    assert "Nothing is paused: what is open has no repositories." in text
    assert "You may start" not in text


def test_it_tells_of_clusters_faults_members_and_what_was_done() -> None:
    """All that somebody on call asks is on one page."""
    text = text_of(busy())

    assert "dr ✗ does not answer (refused): Connection refused 0 0 none yet" in text
    assert "prod ✓ answers 3 1" in text
    assert "Backups owed: 1 prod /archive, due 23:30" in text
    assert "The file was rejected" in text
    assert "schedules.yaml:3:1: windows: unknown key" in text
    assert "ops2 pid 18 ✗ silent: its clusters go to the others 2 0.3 s ago, lease 15s 1.0" in text
    assert "skip nightly not Wed 21 Oct 23:00, by eve@ops1: no patches" in text
    assert "pause dr /orders nightly refused: Connection refused" in text


def test_a_window_has_a_page_with_its_openings_in_words() -> None:
    """What the drawing shows is written below it: skipped, excluded, and the clock change."""
    text = text_of(busy(), "/windows/nightly")

    assert "Patching of the hosts" in text
    assert "23:00 to Thu 22 Oct 01:00 , skipped by eve@ops1 at 23:30 : no patches" in text
    assert "Tue 27 Oct 23:00 to Wed 28 Oct 00:00" not in text
    assert "Opens next Thu 22 Oct 23:00 to Fri 23 Oct 01:00 , pauses at Thu 22 Oct 22:45" in text
    assert "Excluded days 2026-10-27 to 2026-10-28" in text
    assert "Mon 19 Oct 23:00 to Tue 20 Oct 01:00 , over" in text
    assert "23:00 to Wed 21 Oct 01:00 , open now" in text
    assert "Clocks in Europe/Berlin go back by 1h at Sun 25 Oct 02:00" in text
    assert "1h" in text_of(busy(), "/windows/long")


def test_a_cluster_has_a_page_with_what_is_held_and_owed() -> None:
    """Its repositories by name, its windows, and what was done there."""
    text = text_of(busy(), "/clusters/prod")

    assert "Held: 3" in text
    assert "repository-0 paused 23:30 nightly" in text
    assert "Backups owed: 1 archive" in text
    assert "pause prod /repository-1" in text
    assert "dr /orders" not in text


@pytest.mark.parametrize("target", ["/windows/none", "/clusters/none", "/windows/%00%ff"])
def test_what_is_not_there_is_said(target: str) -> None:
    """An address that somebody kept may name what is gone: there is a way back from it."""
    page = page_of(scene(), target)

    assert (page.status, "Refresh" in page.headers) == (404, False)
    assert '<a href="/">All windows and clusters</a>' in page.body.decode()


@pytest.mark.parametrize("name", [EVIL, "x" * 8000, "a/../b", "%00"])
def test_what_is_asked_for_is_no_more_than_text(name: str) -> None:
    """The name in an address is anybody's, and may have any length."""
    page = page_of(scene(), f"/windows/{quote(name, safe='')}")
    html = page.body.decode()

    assert Shape(html).parts <= Shape(html_of(busy())).parts
    assert not set("\0\x1b\u202e\u2028") & set(html)
    assert len(html) < 5000


def test_what_is_gone_has_its_history() -> None:
    """An unplanned window that has ended is asked for by those who want to know what it did."""
    done = replace(attempt("prod", "orders", None), windows=("patch",))
    found = scene(history=(HistoryScene(NOW, done),))

    text = text_of(found, "/windows/patch")

    assert "There is no window patch" in text
    assert "pause prod /orders patch ok" in text


def test_nothing_else_is_served() -> None:
    """Neither files nor templates can be asked for."""
    site = Site(scene)

    odd = ("/page", "/../site.py", "/base.html", "//x", "//[", "http://[/", "*", "/%00", "/;x")
    assert [site.find(path) for path in odd] == [None] * len(odd)


@pytest.mark.parametrize("target", ["/", "/windows/nightly", "/clusters/prod", "/clusters/dr"])
def test_no_text_is_more_than_text(target: str) -> None:
    """Markup, controls and bidi marks of others: the elements are those of a harmless scene."""
    html = html_of(hostile(), target)

    assert Shape(html).parts <= Shape(html_of(busy(), target)).parts | {("svg", "aria-label")}
    assert "&lt;img src=x" in html
    assert not set("\x1b\u202e\u2028") & set(html)
    assert "{{7*7}}" in unescape(html)


def test_a_name_that_is_odd_has_an_address() -> None:
    """A window that was opened by hand may have a space in its name, or worse."""
    name = f"{EVIL} (unplanned)"

    assert f'href="/windows/{quote(name)}"' in unescape(html_of(hostile()))
    assert page_of(hostile(), f"/windows/{quote(name)}").status == 200


def test_nobody_may_add_to_it() -> None:
    """The policy allows the page's own style and nothing else; no style stands in an element."""
    page = page_of(busy())

    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'"
    )
    assert not {name for _, name in Shape(page.body.decode()).parts} & {
        "style",
        "onload",
        "onclick",
    }
    assert "<script" not in page.body.decode()


def test_a_page_is_made_once_of_a_scene() -> None:
    """A crowd that reloads costs what one reader costs, by whatever address it asks."""
    shown = [busy()]
    site = Site(lambda: shown[-1])

    def made(target: str) -> Page:
        make = site.find(target)
        assert make is not None
        return make()

    targets = ("/", "/status.json", "/windows/nightly", "/clusters/prod", "/?refresh=off")
    first = [made(target) for target in targets]
    again = [made(f"{target}{'&' if '?' in target else '?'}n=1") for target in targets]
    many = [made(f"/windows/none-{n}") for n in range(100)]
    shown.append(replace(busy(), problems=("new",)))

    assert all(one is other for one, other in zip(first, again, strict=True))
    assert len({page.body for page in first}) == len(targets)
    assert len({page.body for page in many}) == len(many)
    assert b"new" in made("/").body


def test_it_refreshes_unless_that_is_unwanted() -> None:
    """By a header, which keeps the place; who reads slowly may stop it."""
    assert page_of(scene()).headers["Refresh"] == "15"
    assert "Refresh" not in page_of(scene(), "/?refresh=off").headers


@pytest.mark.parametrize("target", ["/", "/clusters/cluster-03", "/windows/window-007"])
def test_it_stays_small(target: str) -> None:
    """Ten thousand repositories and two hundred windows: what is left out is counted."""
    found = large()
    html = html_of(found, target)

    assert len(html) < LARGEST_PAGE
    if target == "/":
        assert "10000 of 10000 paused" in html
        assert "100 more windows" in html


def test_two_weeks_are_drawn_once() -> None:
    """What was computed for one reader is there for the next, until something changes."""
    found, strips = busy(), Strips()
    first, again = (strips.of(each)[1] for each in (found, replace(found, problems=("new",))))
    changed = strips.of(replace(found, timeline=Timeline(())))[1]

    assert again is first
    assert changed == {}


def test_the_strip_has_true_lengths() -> None:
    """A day of 25 hours is longer than one of 24, and an opening is where it is."""
    span = Span.around(NOW, BERLIN)
    lengths = [after - before for before, after in zip(span.days, span.days[1:], strict=False)]
    marks = strip(window("nightly"), span, {}).marks

    assert lengths[5] == timedelta(hours=25)
    assert {mark.kind for mark in marks} == {Kind.OPEN}
    assert all(mark.x >= 0 and mark.x + mark.width <= 1400 for mark in marks)
    assert marks[0].x == 0.0


def test_nobody_may_start_by_what_may_have_changed() -> None:
    """Where the ledger is silent, what other daemons paused is in doubt: that is the first line."""
    found = busy()
    doubt = "the ledger does not answer"
    pending = (Pending("dr", None, doubt),)
    doubted = {id_: Progress(5, 5, pending=pending) for id_ in found.progress}
    dr = replace(found.clusters[1], unreachable=None, doubt=doubt, member="ops2 pid 18")
    ledger = replace(found.ledger or LedgerScene(), doubt="timeout")
    text = text_of(
        replace(found, progress=doubted, clusters=(found.clusters[0], dr), ledger=ledger)
    )

    assert f"It is not known whether everything is paused: {doubt}." in text
    assert "You may start" not in text
    assert f"dr … not known: {doubt} 0 0 none yet" in text
    assert "ops2 pid 18 prod ✓ answers" in text
    assert "The ledger does not answer (timeout): what other daemons do is as of 23:30:00" in text


def test_the_manual_shows_what_it_looks_like() -> None:
    """The text in the manual is that of a page; where it differs, put the new one there."""
    (shown,) = [b for b in manual.blocks(manual.page("page")) if b.above == "<!-- the page -->"]

    assert shown.text == text_of_page(html_of(pictured()))
