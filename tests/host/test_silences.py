"""Silences in a real Alertmanager: made, moved, expired, never twice, and nobody else's touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.notify.delivery import Delivery
from daemon.notify.kinds.alertmanager import ALERTMANAGER
from daemon.notify.messages import DeliveryError
from daemon.notify.notices import SILENCE_OVER, SILENCE_WANTED, SILENCES_KNOWN, TEST, Notice
from daemon.notify.targets import Target
from tests.host.alertmanager import Alertmanager, needs_alertmanager, server

pytestmark = needs_alertmanager

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
NIGHT, DAY = "night@2026-11-23T12:00:00Z", "day (unplanned)@2026-11-23T13:00:00Z"
MATCHERS = ('job=~"couch.*|x"', "team = db", 'severity!="page"', 'job!="x \\"y\\" é"')


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """Run one for all tests."""
    with server(tmp_path_factory.mktemp("alertmanager")) as found:
        yield found


class Teller:
    """A daemon of *host* that tells one target; each of them knows only what it is told."""

    def __init__(self, folder: Path, url: str, name: str = "am", host: str = "host1") -> None:
        """Have a target *name* at *url*."""
        file = folder / f"{name}.url"
        file.touch(mode=0o600)
        file.write_text(f"{url}\n")
        self._delivery = Delivery(host, {})
        self._target = Target(name, ALERTMANAGER, url_file=file, matchers=MATCHERS)

    def want(self, end: datetime, opening: str = NIGHT) -> None:
        """Tell of an opening with its end."""
        keys = {"window": "night", "opening": opening, "start": NOW - HOUR, "end": end}
        self.tell(Notice(SILENCE_WANTED, "info", NOW, keys))

    def over(self, opening: str = NIGHT) -> None:
        """Tell that an opening is over."""
        self.tell(Notice(SILENCE_OVER, "info", NOW, {"opening": opening}))

    def tell(self, notice: Notice) -> None:
        """Tell of something, once."""
        self._delivery.deliver(self._target, [notice])


@pytest.fixture
def teller(tmp_path: Path, alertmanager: Alertmanager) -> Iterator[Teller]:
    """Return one, and expire what it leaves."""
    teller = Teller(tmp_path, alertmanager.url)
    yield teller
    teller.tell(Notice(SILENCES_KNOWN, "info", NOW, {"openings": []}))
    assert alertmanager.silences() == []


def ends(alertmanager: Alertmanager) -> list[tuple[str, datetime]]:
    """Return the active silences: the opening that each is for, and its end."""
    return sorted(
        (each["comment"].partition("[am ")[2].removesuffix("]"), until(each["endsAt"]))
        for each in alertmanager.silences()
    )


def until(text: str) -> datetime:
    """Return a time of the Alertmanager's."""
    return datetime.fromisoformat(text)


def test_a_silence_lasts_as_long_as_its_opening(
    teller: Teller, alertmanager: Alertmanager, tmp_path: Path
) -> None:
    """It is made once, whoever tells of it again; it is extended in place, and expires."""
    teller.want(NOW + HOUR)
    (made,) = alertmanager.silences()
    # As after a crash between the request and its answer: nothing is remembered.
    Teller(tmp_path, alertmanager.url, host="host2").want(NOW + HOUR)
    teller.want(NOW + 3 * HOUR)
    (extended,) = alertmanager.silences()
    teller.over()
    teller.over()

    assert made["createdBy"] == "cbmaintd"
    assert made["comment"] == f"maintenance window night is open; made on host1 [am {NIGHT}]"
    assert until(made["endsAt"]) == NOW + HOUR
    matchers = ((m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in made["matchers"])
    assert sorted(matchers) == [
        ("job", "couch.*|x", True, True),
        ("job", 'x "y" é', False, False),
        ("severity", "page", False, False),
        ("team", "db", False, True),
    ]
    assert extended["id"] == made["id"]
    assert until(extended["endsAt"]) == NOW + 3 * HOUR
    assert alertmanager.silences() == []


def test_two_daemons_at_once_leave_one(teller: Teller, alertmanager: Alertmanager) -> None:
    """Where both looked before either had made one, the next look leaves the same one for both."""
    teller.want(NOW + HOUR)
    (made,) = alertmanager.silences()
    twin = {key: made[key] for key in ("matchers", "startsAt", "endsAt", "createdBy", "comment")}
    alertmanager.ask("silences", twin)
    both = {each["id"] for each in alertmanager.silences()}

    teller.want(NOW + HOUR)

    assert len(both) == 2
    assert [each["id"] for each in alertmanager.silences()] == [min(both)]


def test_a_start_ends_what_is_over(teller: Teller, alertmanager: Alertmanager) -> None:
    """A window that was closed while no daemon ran is silenced no more; an open one stays so."""
    teller.want(NOW + HOUR)
    teller.want(NOW + HOUR, DAY)

    teller.tell(Notice(SILENCES_KNOWN, "info", NOW, {"openings": [DAY]}))

    assert ends(alertmanager) == [(DAY, NOW + HOUR)]


def test_what_others_silenced_stays(
    teller: Teller, alertmanager: Alertmanager, tmp_path: Path
) -> None:
    """A person's silence with the same matchers, and another target's, are left alone."""
    teller.want(NOW + HOUR)
    (made,) = alertmanager.silences()
    person = {key: made[key] for key in ("matchers", "startsAt", "endsAt")}
    alertmanager.ask("silences", {**person, "createdBy": "ana", "comment": made["comment"]})
    other = Teller(tmp_path, alertmanager.url, "other")
    other.want(NOW + HOUR)

    teller.over()
    teller.tell(Notice(SILENCES_KNOWN, "info", NOW, {"openings": []}))
    left = alertmanager.silences()
    other.over()
    (ana,) = alertmanager.silences()
    ids = {each["id"]: each["createdBy"] for each in left}
    alertmanager.expire(ana["id"])

    assert made["id"] not in ids
    assert sorted(ids.values()) == ["ana", "cbmaintd"]
    assert ana["createdBy"] == "ana"


def test_an_end_that_has_passed_is_not_asked_for(
    teller: Teller, alertmanager: Alertmanager
) -> None:
    """A notice that comes too late makes nothing; a test message changes nothing."""
    teller.want(NOW - timedelta(seconds=1))
    teller.tell(Notice(TEST, "info", NOW, {}))

    assert alertmanager.silences("active", "pending", "expired") == alertmanager.silences("expired")


def test_what_is_no_alertmanager_is_said(tmp_path: Path, alertmanager: Alertmanager) -> None:
    """Another page under the URL, or nothing at all, is an error for the log."""
    with pytest.raises(DeliveryError) as page:
        Teller(tmp_path, f"{alertmanager.url}/nowhere", "page").want(NOW + HOUR)
    with pytest.raises(DeliveryError) as nothing:
        Teller(tmp_path, "http://127.0.0.1:1", "nothing").want(NOW + HOUR)

    assert (page.value.error, page.value.is_passing) == ("not_found", False)
    assert (nothing.value.error, nothing.value.is_passing) == ("refused", True)
