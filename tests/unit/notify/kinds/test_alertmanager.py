"""Which alerts an Alertmanager silences: matchers as people write them, and what is refused."""

from __future__ import annotations

import json

import pytest

from daemon.notify.kinds.alertmanager import ALERTMANAGER, Matcher, parse_matcher
from daemon.notify.messages import Batch, DeliveryError, Message
from daemon.notify.notices import SILENCE_OVER, Notice
from tests.unit.notify.sent_messages import NOW, URL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('job="couchbase"', Matcher("job", "couchbase", is_regex=False, is_equal=True)),
        (" job = couchbase ", Matcher("job", "couchbase", is_regex=False, is_equal=True)),
        ('job!="x"', Matcher("job", "x", is_regex=False, is_equal=False)),
        ('job=~"a|b"', Matcher("job", "a|b", is_regex=True, is_equal=True)),
        ('job!~"a=\\"b"', Matcher("job", 'a="b', is_regex=True, is_equal=False)),
        ('job=""', Matcher("job", "", is_regex=False, is_equal=True)),
    ],
)
def test_matchers_are_those_of_the_alertmanager(text: str, expected: Matcher) -> None:
    """All four operators, with quotes or without."""
    assert parse_matcher(text) == expected


@pytest.mark.parametrize(
    ("matchers", "complaint"),
    [
        (None, "it needs matchers"),
        (("job",), "is not a matcher: write name="),
        (('job="x',), "is not a matcher"),
        (("job=x, team=y",), "is not a matcher"),
        (("1job=x",), "is not a matcher"),
        (('{job="x"}',), "is not a matcher"),
        (('job=""', 'team!="x"', 'app=~".*"', 'app!~"x"'), "every alert would be silenced"),
        (("a=b",) * 51, "there are 51 matchers"),
    ],
)
def test_what_chooses_nothing_or_all_is_refused(
    matchers: tuple[str, ...] | None, complaint: str
) -> None:
    """No matcher, one that is none, and ones that every alert meets."""
    with pytest.raises(ValueError, match=complaint):
        ALERTMANAGER.check_matchers(matchers)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[1]", b'[{"id": 1}]', b"[" * 100_000])
def test_an_odd_answer_is_tried_again(body: bytes) -> None:
    """What is no list of silences ends nothing: it is an error that may pass."""
    found = Notice(SILENCE_OVER, "info", NOW, {"opening": "night@x"})
    sent: list[Message] = []

    def post(message: Message) -> bytes:
        sent.append(message)
        return body

    batch = Batch(URL, [found], "host1", dict, target="am", matchers=("job=x", "a!=b"))
    with pytest.raises(DeliveryError) as raised:
        ALERTMANAGER.send(batch, post)
    assert raised.value.is_passing

    assert [message.method for message in sent] == ["GET"]
    assert sent[0].url == f"{URL}/api/v2/silences?filter=job%3D%22x%22"


@pytest.mark.parametrize("odd", [1, None, {}, {"comment": 5}, {"matchers": [1]}, {"status": "x"}])
def test_an_odd_row_keeps_no_other_silence_from_its_end(odd: object) -> None:
    """A row that is not understood is passed over; ours beside it is expired."""
    ours = {
        "id": "1",
        "status": {"state": "active"},
        "createdBy": "cbmaintd",
        "comment": "maintenance [am night@x]",
        "matchers": [{"name": "job", "value": "x", "isRegex": False, "isEqual": True}],
        "startsAt": NOW.isoformat(),
        "endsAt": NOW.isoformat(),
    }
    row = {**ours, "id": "2", **odd} if isinstance(odd, dict) and odd else odd
    sent: list[Message] = []

    def post(message: Message) -> bytes:
        sent.append(message)
        return json.dumps([row, ours]).encode()

    found = Notice(SILENCE_OVER, "info", NOW, {"opening": "night@x"})
    ALERTMANAGER.send(Batch(URL, [found], "host1", dict, target="am", matchers=("job=x",)), post)

    assert [(message.method, message.url) for message in sent[1:]] == [
        ("DELETE", f"{URL}/api/v2/silence/1")
    ]
