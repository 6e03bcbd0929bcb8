"""The addresses of the page, and the HTML for each; made on the thread of the little server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import parse_qs, unquote
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from daemon.durations import format_duration
from daemon.monitoring.endpoint import Page
from daemon.monitoring.page import views
from daemon.monitoring.page.scene import Scene
from daemon.monitoring.page.strips import WIDTH, Kind, Span, Strip, Strips
from daemon.monitoring.status import document
from daemon.monitoring.upcoming import Upcoming
from daemon.wording import cut, json_text, printable

EVERY_S = 15
LONGEST_NAME = 100
MOST_KEPT = 8
MOST_WINDOWS = 100
MOST_ROWS = 100
MOST_PENDING = 10
MOST_LISTED = 500
MOST_UPCOMING = 20
MOST_FAULTS = 20
MOST_ENTRIES = 50
"""How many of each are shown; what is left out is counted. With all of them the page stays below
300 kB."""

_HTML = "text/html; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TEMPLATES = files(__package__) / "templates"


class Site:
    """The page at `/`, one for each window and cluster, and the same for programs."""

    def __init__(self, scene: Callable[[], Scene]) -> None:
        """Ask for the *scene* when somebody asks for a page."""
        self._scene = scene
        self._style = (_TEMPLATES / "style.css").read_bytes()
        self._strips = Strips()
        self._upcoming = Upcoming()
        self._shown: Scene | None = None
        self._pages: dict[tuple[str, ...], Page] = {}
        self._templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: (_TEMPLATES / name).read_text()),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_harmless,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def find(self, target: str) -> Callable[[], Page] | None:
        """Return what makes the page at *target*, the path and query of a request; None if none."""
        # By hand: whatever else may be in a URL is no part of what is asked for here.
        path, _, query = target.partition("?")
        if path == "/style.css":
            return lambda: Page(HTTPStatus.OK, self._style, "text/css; charset=utf-8", _HEADERS)
        refreshes = parse_qs(query).get("refresh") != ["off"]
        if path == "/status.json":
            return lambda: self._made((path,), self._status)
        if path == "/":
            make = partial(self._overview, refreshes=refreshes)
            return lambda: self._made((path, str(refreshes)), make)
        for prefix, of_name in (("/windows/", self._window), ("/clusters/", self._cluster)):
            if path.startswith(prefix):
                name = unquote(path.removeprefix(prefix))
                make = partial(of_name, name=name, refreshes=refreshes)
                return lambda: self._made((prefix, name, str(refreshes)), make)
        return None

    def _made(self, key: tuple[str, ...], make: Callable[[Scene], Page]) -> Page:
        """Return the page that *make* returns of the scene; what was made of it is made once."""
        scene = self._scene()
        if scene is not self._shown:
            self._shown, self._pages = scene, {}
        page = self._pages.get(key)
        if page is None:
            page = make(scene)
            if len(self._pages) < MOST_KEPT:
                self._pages[key] = page
        return page

    def _status(self, scene: Scene) -> Page:
        report = views.status(scene, self._upcoming.at(scene.timeline, scene.now))
        body = json_text(document(report), indent=2).encode() + b"\n"
        return Page(HTTPStatus.OK, body, "application/json", _HEADERS)

    def _overview(self, scene: Scene, *, refreshes: bool) -> Page:
        span, strips = self._strips.of(scene)
        openings = views.open_now(scene)
        known = self._upcoming.at(scene.timeline, scene.now)
        clusters = views.clusters(scene)
        upcoming = views.coming(strips, known, scene.now)
        return self._page(
            "overview.html",
            scene,
            span,
            refreshes=refreshes,
            verdict=views.verdict(scene, openings),
            problems=scene.problems,
            open_now=openings,
            upcoming=upcoming[:MOST_UPCOMING],
            more_upcoming=max(len(upcoming) - MOST_UPCOMING, 0),
            strips=list(strips.values())[:MOST_WINDOWS],
            more_windows=max(len(strips) - MOST_WINDOWS, 0),
            clusters=clusters,
            owed=[record for each in clusters for record in each.owed],
            members=views.members(scene),
            history=views.history(scene)[:MOST_ENTRIES],
        )

    def _window(self, scene: Scene, *, name: str, refreshes: bool) -> Page:
        span, strips = self._strips.of(scene)
        if name not in strips:
            return self._missing(scene, span, "window", name, views.history(scene, window=name))
        known, window = self._upcoming.at(scene.timeline, scene.now), scene.timeline.windows[name]
        return self._page(
            "window.html",
            scene,
            span,
            refreshes=refreshes,
            window=window,
            strip=strips[name],
            coming=known.get(name),
            excluded=views.excluded_days(window, scene.now),
            open_now=[each for each in views.open_now(scene) if each.opening.window == name],
            history=views.history(scene, window=name)[:MOST_ENTRIES],
        )

    def _cluster(self, scene: Scene, *, name: str, refreshes: bool) -> Page:
        span, _ = self._strips.of(scene)
        found = next((each for each in views.clusters(scene) if each.name == name), None)
        if found is None:
            return self._missing(scene, span, "cluster", name, views.history(scene, cluster=name))
        windows = sorted(w for w in scene.timeline.windows if name in scene.timeline.clusters_of(w))
        return self._page(
            "cluster.html",
            scene,
            span,
            refreshes=refreshes,
            each=found,
            windows=windows,
            history=views.history(scene, cluster=name)[:MOST_ENTRIES],
        )

    def _missing(
        self, scene: Scene, span: Span, kind: str, name: str, history: list[views.HistoryView]
    ) -> Page:
        page = self._page(
            "missing.html",
            scene,
            span,
            refreshes=False,
            kind=kind,
            name=cut(name, LONGEST_NAME),
            history=history[:MOST_ENTRIES],
        )
        return replace(page, status=HTTPStatus.NOT_FOUND)

    def _page(
        self, template: str, scene: Scene, span: Span, *, refreshes: bool, **values: object
    ) -> Page:
        html = self._templates.get_template(template).render(
            scene=scene,
            span=span,
            span_width=WIDTH,
            now_x=span.x(scene.now),
            zone_name=scene.zone.key,
            refreshes=refreshes,
            every=EVERY_S,
            instant=_Instants(scene.now, scene.zone),
            day_name=lambda day: f"{day.astimezone(scene.zone):%a %-d}",
            duration=format_duration,
            strip_text=lambda strip: _told(strip, scene),
            most_rows=MOST_ROWS,
            most_pending=MOST_PENDING,
            most_listed=MOST_LISTED,
            most_faults=MOST_FAULTS,
            **values,
        )
        headers = _HEADERS | ({"Refresh": str(EVERY_S)} if refreshes else {})
        return Page(HTTPStatus.OK, html.encode(), _HTML, headers)


class _Instants:
    """Writes instants as clocks in one zone show them, with the day where it is not today."""

    def __init__(self, now: datetime, zone: ZoneInfo) -> None:
        self._now, self._zone = now.astimezone(zone), zone

    def __call__(
        self, at: datetime, *, seconds: bool = False, since: datetime | None = None
    ) -> Markup:
        """Return an element that shows *at*, in UTC to who asks; its day unless *since* has it."""
        local = at.astimezone(self._zone)
        beside = since.astimezone(self._zone) if since else self._now
        time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        if local.date() != beside.date():
            year = "" if local.year == self._now.year else " %Y"
            time = f"{local.strftime(f'%a %-d %b{year}')} {time}"
        utc = f"{at:%Y-%m-%d %H:%M} UTC"
        return Markup(
            '<time datetime="{}" title="{}">{}<span class="unseen"> ({})</span></time>'
        ).format(f"{at:%Y-%m-%dT%H:%M:%SZ}", utc, time, utc)


def _told(strip: Strip, scene: Scene) -> str:
    """Return in words what a strip shows."""
    zone = scene.zone
    counts = {kind: sum(mark.kind is kind for mark in strip.marks) for kind in Kind}
    named = {Kind.OPEN: "openings", Kind.SKIPPED: "skipped", Kind.EXCLUDED: "excluded"}
    parts = [f"{count} {named[kind]}" for kind, count in counts.items() if count]
    ahead = (m.opening for m in strip.marks if m.kind is Kind.OPEN and m.opening.start > scene.now)
    if coming := next(ahead, None):
        parts.append(f"the next {coming.start.astimezone(zone):%a %-d %b %H:%M}")
    if strip.changes:
        parts.append(f"a clock change {strip.changes[0].at.astimezone(zone):%a %-d %b}")
    return f"{strip.window.name}: {', '.join(parts) or 'no openings'} in two weeks"


def _harmless(value: object) -> object:
    """Return a value as a template may show it: of texts what is printable; escaped after that."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
