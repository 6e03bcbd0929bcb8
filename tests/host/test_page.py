"""The page in a real browser: what it looks like, whether all can read it, and that it is still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from daemon.monitoring.endpoint import Endpoint, Page
from daemon.monitoring.page.scene import Scene
from daemon.monitoring.page.site import Site
from tests.host.browser import CHROMIUM, Browser, running_browser
from tests.unit.monitoring.page_scenes import EVIL, NOW, busy, hostile, large, scene

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
NARROW, WIDE = 360, 1600
SCENES = {"before": scene(), "during": busy(), "many": large(), "hostile": hostile()}

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
    pytest.mark.skipif(
        not AXE.exists(), reason="axe-core is not installed: npm ci in tests/host/axe"
    ),
]


@dataclass
class Served:
    """A server of the page, and the scene that it shows."""

    shows: Scene = field(default_factory=scene)
    bugs: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        site = Site(lambda: self.shows)
        missing = Page(404, b"")
        self.endpoint = Endpoint(
            ("127.0.0.1", 0), lambda at: site.find(at) or (lambda: missing), self.bugs.append
        )

    def url(self, target: str = "/") -> str:
        """Return the address of a page, which stays as it is."""
        return f"http://127.0.0.1:{self.endpoint.port}{target}?refresh=off"


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve the page."""
    served = Served()
    yield served
    served.endpoint.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one browser for all tests here."""
    with running_browser() as browser:
        yield browser


def violations(browser: Browser) -> list[str]:
    """Return what axe finds that somebody could not read or use."""
    browser.evaluate(AXE.read_text())
    found = browser.evaluate(
        "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))"
    )
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("looks", [*product((NARROW, WIDE), ("light", "dark"))])
@pytest.mark.parametrize("name", SCENES)
def test_everybody_can_read_it(
    served: Served, browser: Browser, name: str, looks: tuple[int, str], tmp_path: Path
) -> None:
    """In each state, at both widths, light and dark: nothing sticks out, and axe finds nothing."""
    width, scheme = looks
    served.shows = SCENES[name]
    browser.look_like(width=width, scheme=scheme)

    browser.open(served.url())
    browser.screenshot(tmp_path / f"{name}-{width}-{scheme}.png")

    assert browser.problems == []
    assert violations(browser) == []
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert served.bugs == []


@pytest.mark.parametrize("target", ["/windows/nightly", "/windows/long", "/clusters/prod"])
def test_everybody_can_read_the_others(served: Served, browser: Browser, target: str) -> None:
    """The pages of windows and clusters are as readable."""
    served.shows = busy()
    browser.look_like(width=NARROW)

    browser.open(served.url(target))

    assert browser.problems == []
    assert violations(browser) == []
    assert browser.evaluate("document.documentElement.scrollWidth") == NARROW


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_days_are_above_what_they_name(served: Served, browser: Browser, width: int) -> None:
    """However narrow the page is: a day's name begins where the day does on the strips."""
    served.shows = busy()
    browser.look_like(width=width)
    browser.open(served.url())
    lefts = "[...document.querySelectorAll('.days span')].map(e => e.getBoundingClientRect().left)"
    strip = browser.evaluate(
        "(r => [r.left, r.width])(document.querySelector('.strip').getBoundingClientRect())"
    )

    names = browser.evaluate(lefts)

    assert len(names) == 14
    for number, left in enumerate(names):
        assert abs(left - (strip[0] + strip[1] * number / 14)) <= 4


@pytest.mark.parametrize("target", ["/", "/windows/nightly", "/clusters/prod", "/clusters/dr"])
def test_nothing_of_others_is_interpreted(served: Served, browser: Browser, target: str) -> None:
    """The document has no other elements than a harmless scene has; evil texts are its text."""
    browser.look_like(width=WIDE)
    elements = "[...new Set([...document.querySelectorAll('*')].map(e => e.tagName))].sort()"
    served.shows = busy()
    browser.open(served.url(target))
    harmless = browser.evaluate(elements)
    served.shows = hostile()

    browser.open(served.url(target))

    assert browser.problems == []
    assert set(browser.evaluate(elements)) <= set(harmless)
    assert browser.evaluate("document.images.length") == 0
    assert EVIL.partition(">")[0] in browser.evaluate("document.body.innerText")
    assert browser.evaluate("document.title") != "1"


def test_it_refreshes_by_itself_and_keeps_its_place(served: Served, browser: Browser) -> None:
    """After a quarter of a minute there is news, and the reader is where it was."""
    served.shows = large()
    browser.look_like(width=WIDE)
    browser.open(f"http://127.0.0.1:{served.endpoint.port}/")
    browser.evaluate("window.scrollTo(0, 1500)")
    served.shows = replace(large(), now=NOW + timedelta(minutes=1))

    browser.expect_load()
    browser.wait_for_load()

    assert "23:31" in browser.evaluate("document.querySelector('.clock').innerText")
    assert browser.evaluate("window.scrollY") == 1500


def test_it_says_that_it_could_not_refresh(served: Served, browser: Browser) -> None:
    """A page that was not replaced in time says so; by its style alone, without a script."""
    browser.look_like(width=WIDE)
    browser.open(f"http://127.0.0.1:{served.endpoint.port}/")
    shown = "getComputedStyle(document.querySelector('.stale')).visibility"
    before = browser.evaluate(shown)

    browser.evaluate("document.getAnimations().forEach(each => each.finish())")

    assert (before, browser.evaluate(shown)) == ("hidden", "visible")


def test_its_links_lead_somewhere(served: Served, browser: Browser) -> None:
    """Each address that a page names is there."""
    served.shows = busy()
    browser.look_like(width=WIDE)
    browser.open(served.url())
    links = browser.evaluate("[...document.querySelectorAll('main a')].map(a => a.href)")

    assert links
    for link in sorted(set(links)):
        browser.open(link)
        assert browser.evaluate("document.querySelectorAll('h1').length") == 1
