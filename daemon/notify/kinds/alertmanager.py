"""`alertmanager`: a silence in Prometheus's Alertmanager for the time of each opening.

The Alertmanager is the only memory: a silence of ours is known by the end of its comment, which
names the target and the opening. Each notice says what there should be, and what there is is asked
for first, so that one that is sent twice, by a daemon that was killed or by several on one ledger,
leaves one silence; and whatever becomes of us, each has its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from daemon import documents
from daemon.core.attempt import CallError
from daemon.notify.messages import Batch, DeliveryError, Message, Post
from daemon.notify.notices import (
    SILENCE_OVER,
    SILENCE_WANTED,
    SILENCES_KNOWN,
    Notice,
    plain,
)
from daemon.notify.targets import Kind
from daemon.wording import shown

CREATED_BY: Final = "cbmaintd"
MOST_MATCHERS: Final = 50
LIST_LIMIT: Final = 4 * 1024 * 1024
"""How long a list of silences may be: those that expired within five days are in it."""

_PRECISION: Final = timedelta(seconds=1)
_MATCHER: Final = re.compile(
    r"""\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>.*?)\s*""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Which alerts are meant, by one label; `is_regex` and `is_equal` are the operator."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool

    @property
    def is_met_by_nothing(self) -> bool:
        """Check whether alerts without the label meet it, as far as this is easy to tell."""
        if not self.is_regex:
            return (self.value == "") is self.is_equal
        try:
            return bool(re.fullmatch(self.value, "")) is self.is_equal
        except re.error:
            # Go's expressions are others than Python's: the Alertmanager will tell.
            return False

    def document(self) -> dict[str, object]:
        """Return it as the Alertmanager's API has it."""
        return {
            "name": self.name,
            "value": self.value,
            "isRegex": self.is_regex,
            "isEqual": self.is_equal,
        }


def parse_matcher(text: str) -> Matcher:
    """Parse `name="value"`, `name!="…"`, `name=~"…"` or `name!~"…"`; quotes may be left out.

    Raises:
        ValueError: it is something else.

    """
    found = _MATCHER.fullmatch(text)
    value = found["value"] if found else None
    if value and value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    elif value and set(value) & set('"{},'):
        value = None
    if found is None or not isinstance(value, str):
        raise ValueError(
            f'{shown(text)} is not a matcher: write name="value", or with != =~ !~ in place of ='
        )
    operator = found["operator"]
    return Matcher(found["name"], value, operator in {"=~", "!~"}, operator in {"=", "=~"})


class _Alertmanager(Kind):
    key = "alertmanager"
    description = "An Alertmanager: alerts that matchers choose are silenced during openings."
    example = MappingProxyType({"file": "alertmanager.url"})
    refused = MappingProxyType(
        {"events": "a silence follows openings and takes no events: choose its windows instead"}
    )
    follows_openings = True

    def send(self, batch: Batch, post: Post) -> None:
        """Make the Alertmanager have the silence that a notice wants, and no other of ours."""
        found, api = batch.notices[0], _Api(batch, post)
        match found.event:
            case event if event == SILENCE_WANTED:
                _silence(api, found, batch)
            case event if event == SILENCE_OVER:
                for each in api.ours(plain(found.keys["opening"])):
                    api.expire(each)
            case event if event == SILENCES_KNOWN:
                known = set(map(plain, found.keys["openings"]))
                for each in [each for each in api.ours() if each.opening not in known]:
                    api.expire(each)
            case _:
                # A test: it is there, takes what we send along, and nothing is changed.
                api.ours()

    def check_matchers(self, matchers: Sequence[str] | None) -> None:
        """Check that they choose some alerts, and not all of them. Raises ValueError."""
        if matchers is None:
            raise ValueError("it needs matchers, which choose alerts: ['job=\"couchbase\"']")
        if len(matchers) > MOST_MATCHERS:
            raise ValueError(f"there are {len(matchers)} matchers, at most {MOST_MATCHERS} allowed")
        if all(each.is_met_by_nothing for each in map(parse_matcher, matchers)):
            raise ValueError("every alert would be silenced: none of the matchers needs a label")


ALERTMANAGER: Final = _Alertmanager()


@dataclass(frozen=True, slots=True)
class _Silence:
    """A silence of ours that has not expired, and the opening that it is for."""

    id: str
    opening: str
    start: str
    end: datetime


class _Api:
    """The API of the Alertmanager, version 2, as far as it is about our silences."""

    def __init__(self, batch: Batch, post: Post) -> None:
        self._post = post
        self._parts = urlsplit(batch.url)
        self._tag = f"[{batch.target} "
        self.matchers = tuple(map(parse_matcher, batch.matchers))

    def _url(self, path: str, query: str = "") -> str:
        base = self._parts.path.rstrip("/").removesuffix("/api/v2")
        return urlunsplit(self._parts._replace(path=f"{base}/api/v2/{path}", query=query))

    def tag(self, opening: str) -> str:
        """Return how the comment of a silence for *opening* ends."""
        return f"{self._tag}{opening}]"

    def ours(self, opening: str | None = None) -> list[_Silence]:
        """List our silences that have not expired, those for *opening* or all, by their ids."""
        # What shortens the list for every version: older ones compare by the operator, and know
        # of two matchers with one name the last alone.
        names = [each.name for each in self.matchers]
        filters = [
            ("filter", f"{each.name}={json.dumps(each.value, ensure_ascii=False)}")
            for each in self.matchers
            if each.is_equal and not each.is_regex and names.count(each.name) == 1
        ]
        message = Message(
            self._url("silences", urlencode(filters)), b"", method="GET", limit=LIST_LIMIT
        )
        found = self._parsed(self._post(message) or b"")
        wanted = (each for each in found if opening is None or each.opening == opening)
        return sorted(wanted, key=lambda each: each.id)

    def _parsed(self, body: bytes) -> list[_Silence]:
        """Parse a list; a row that is not understood is nothing of ours, one of several."""
        try:
            rows: Any = documents.read_json(body)
        except ValueError:
            rows = None
        silences, odd = [], 0
        for row in rows if isinstance(rows, list) else ():
            try:
                if self._is_ours(row):
                    silences.append(self._silence(row))
            except (ValueError, TypeError, KeyError, AttributeError):
                odd += 1
        if not isinstance(rows, list) or 0 < odd == len(rows):
            said = "it did not answer with a list of silences: is it an Alertmanager?"
            raise DeliveryError(CallError.UNEXPECTED, said, is_passing=True)
        return silences

    def _is_ours(self, row: dict[str, Any]) -> bool:
        comment = str(row["comment"])
        return (
            row["createdBy"] == CREATED_BY
            and row["status"]["state"] != "expired"
            and self._tag in comment
            and comment.endswith("]")
            and {_key(each) for each in row["matchers"]}
            == {_key(each.document()) for each in self.matchers}
        )

    def _silence(self, row: dict[str, Any]) -> _Silence:
        opening = str(row["comment"]).rpartition(self._tag)[2].removesuffix("]")
        end = datetime.fromisoformat(row["endsAt"])
        return _Silence(str(row["id"]), opening, str(row["startsAt"]), end)

    def put(self, document: dict[str, object]) -> None:
        """Make a silence, or change the one whose id the document has."""
        self._post(Message(self._url("silences"), json.dumps(document).encode()))

    def expire(self, silence: _Silence) -> None:
        """End a silence now."""
        path = f"silence/{quote(silence.id, safe='')}"
        self._post(Message(self._url(path), b"", method="DELETE"))


def _silence(api: _Api, found: Notice, batch: Batch) -> None:
    """Have one silence for the opening, until its end.

    1. Look for ours; make one if there is none.
    2. Look again: several daemons on one ledger may each have made one.
    3. All of them keep the one whose id comes first, and expire the others.
    4. Give it the end of the opening.
    """
    start, end = found.keys["start"], found.keys["end"]
    if end <= datetime.now(UTC):
        # It would be refused; and what is there has run out.
        return
    opening = plain(found.keys["opening"])
    document: dict[str, object] = {
        "matchers": [each.document() for each in api.matchers],
        "endsAt": end.astimezone(UTC).isoformat(),
        "createdBy": CREATED_BY,
        "comment": (
            f"maintenance window {plain(found.keys['window'])} is open; made on {batch.host}"
            f" {api.tag(opening)}"
        ),
    }
    if not api.ours(opening):
        api.put(document | {"startsAt": start.astimezone(UTC).isoformat()})
    kept, others = None, api.ours(opening)
    if others:
        kept, *others = others
    for each in others:
        api.expire(each)
    if kept and abs(kept.end - end) >= _PRECISION:
        api.put(document | {"id": kept.id, "startsAt": kept.start})


def _key(matcher: dict[str, Any]) -> tuple[object, ...]:
    # Alertmanagers before 0.22 know no negation, and do not say that there is none.
    return matcher["name"], matcher["value"], matcher["isRegex"], matcher.get("isEqual", True)
