"""`notify` of a file: who is to be told, and what is wrong with it."""

from __future__ import annotations

import json
import sys

import pytest

from daemon.config.settings import difference
from daemon.log import events
from daemon.notify.kinds.apprise import APPRISE
from daemon.notify.kinds.ping import PING
from daemon.notify.kinds.slack import SLACK
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.notices import OVERDUE, URGENT
from daemon.notify.targets import Header, Target
from tests.unit.config.config_files import CLUSTERS, REPOSITORIES, RULE, faults, read

ENVIRON = {
    "PW": "secret",
    "HOOK": "https://chat.example.com/T0KEN",
    "PLAIN": "http://chat.example.com/T0KEN",
    "MAIL": "mailto://user:T0KEN@example.com",
    "NONE": "T0KEN",
    "ODD": "https://chat.example.com:T0KEN/",
    "UMLAUT": "Bearer T0KEN\u00fc",
}


def file_with(*targets: str) -> str:
    """Write a file whose targets stand in lines 9, 10, …."""
    lines = "".join(f"  - {target}\n" for target in targets)
    window = f"windows:\n  night:\n    {RULE}\n    {REPOSITORIES}\n"
    return f"{CLUSTERS}{window}notify:\n{lines}"


def targets_of(*targets: str) -> tuple[Target, ...]:
    """Return the targets of a file."""
    return read(file_with(*targets), environ=ENVIRON).notify


def said_of(*targets: str) -> str:
    """Return what is wrong with a file."""
    said = "\n".join(faults(file_with(*targets), environ=ENVIRON))
    assert "T0KEN" not in said
    return said


def test_targets_have_names_of_their_own() -> None:
    """A target without a name is called by its kind and place; without events it hears trouble."""
    found = targets_of("{slack: {env: HOOK}}", "{webhook: {env: HOOK}, name: pager}")

    assert found == (
        Target("slack-1", SLACK, url_env="HOOK"),
        Target("pager", WEBHOOK, url_env="HOOK"),
    )
    assert found[0].events == URGENT


def test_events_may_be_globs() -> None:
    """Events are named, or all that match a glob."""
    target = targets_of("{slack: {env: HOOK}, events: [overdue, 'window.*'], windows: [n*]}")[0]

    opened = {events.WINDOW_OPENED, events.WINDOW_CLOSED, events.WINDOW_CHANGED}
    assert target.events == {OVERDUE} | opened
    assert target.windows == ("n*",)


def test_one_target_needs_no_list() -> None:
    """One target may stand alone."""
    text = file_with().replace("notify:\n", "notify: {ping_url: {env: HOOK}}\n")

    assert read(text, environ=ENVIRON).notify == (Target("ping_url-1", PING, url_env="HOOK"),)


def test_a_webhook_may_have_a_template_and_a_proxy() -> None:
    """The body of a webhook and the way to it are the user's."""
    body = json.dumps({"text": "$summary"})
    line = f"{{webhook: {{env: HOOK}}, template: {body!r}, proxy: 'http://proxy:3128'}}"
    target = targets_of(line)[0]

    assert (target.template, target.proxy) == (body, "http://proxy:3128")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("{}", "f.yaml:10:5: notify[0]: one of the keys webhook, slack, ping_url, alertmanager"),
        ("{alertmanager: {env: HOOK}}", "notify[0].alertmanager: it needs matchers"),
        ("{alertmanager: {env: HOOK}, matchers: []}", "notify[0].matchers: the list is empty"),
        (
            "{alertmanager: {env: HOOK}, matchers: [job]}",
            'notify[0].matchers: "job" is not a matcher',
        ),
        ("{alertmanager: {env: HOOK}, matchers: [a=b], events: [overdue]}", "takes no events"),
        ("{slack: {env: HOOK}, matchers: [a=b]}", "only alertmanager has matchers"),
        ("{slack: {env: HOOK}, webhook: {env: HOOK}}", "there is webhook already: only one of"),
        ("{slack: 'https://x/T0KEN'}", "notify[0].slack: a URL is refused, because the file"),
        ("{slack: {}}", "notify[0].slack: one of the keys file or env is missing"),
        ("{slack: {env: GONE}}", "notify[0].slack.env: the environment has no variable GONE"),
        ("{slack: {file: gone}}", "notify[0].slack.file: /nowhere/gone: No such file"),
        ("{slack: {env: NONE}}", "NONE: it has no URL that begins with https://"),
        ("{slack: {env: ODD}}", "ODD: it has no URL that can be understood"),
        ("{slack: {env: HOOK}, name: a b}", "notify[0].name:"),
        ("{slack: {env: HOOK}, events: []}", "notify[0].events: the list is empty"),
        ("{slack: {env: HOOK}, events: [window.openend]}", 'did you mean "window.opened"?'),
        ("{slack: {env: HOOK}, windows: [nigth]}", '"nigth" is not a window of this file; did you'),
        ("{ping_url: {env: HOOK}, events: [overdue]}", "a ping follows openings and takes no ev"),
        ("{slack: {env: HOOK}, template: '{}'}", "only a webhook has a body of one's own"),
        ("{webhook: {env: HOOK}, template: '$x'}", "there is no placeholder $x"),
        ("{webhook: {env: HOOK}, proxy: 'socks5://a'}", "is not a URL"),
        ("{webhook: {env: HOOK}, proxy: 'http://u:T0KEN@a'}", "a user in a URL is refused"),
        ("{webhook: {env: HOOK}, proxy: 'https://a'}", "notify[0].proxy: a proxy that is itself"),
        ("{apprise: {env: NONE}}", "it has no URL of the apprise library"),
        ("{apprise: {env: HOOK}}", "notify[0].apprise.env: the apprise library cannot use the URL"),
        ("{apprise: {env: MAIL}, proxy: 'http://a'}", "takes its proxy from the environment"),
        ("{slak: {env: HOOK}}", 'did you mean "slack"?'),
    ],
)
def test_what_is_wrong_is_said(target: str, expected: str) -> None:
    """Each fault has its place and a way out, and quotes nothing secret."""
    assert expected in said_of(target)


def test_a_name_stands_once() -> None:
    """Two targets of one name could not be told apart in the log."""
    said = said_of("{slack: {env: HOOK}, name: a}", "{slack: {env: HOOK}, name: a}")

    assert 'notify[1].name: there is a target "a" already: give it another name' in said


def test_a_url_in_the_clear_is_warned_about() -> None:
    """A URL without TLS works, and the start says what that means."""
    warnings = read(file_with("{slack: {env: PLAIN}, name: a}"), environ=ENVIRON).warnings

    assert [w for w in warnings if w.message.startswith("the URL of a begins with http://")]


def test_a_library_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the fault names it."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert "the apprise library is not installed: install cbmaintd[apprise]" in said_of(
        "{apprise: {env: MAIL}}"
    )


def test_an_apprise_url_is_understood() -> None:
    """A URL of the library is accepted as it is."""
    assert targets_of("{apprise: {env: MAIL}}")[0].kind is APPRISE


def test_a_changed_target_is_named() -> None:
    """An edit that touches a target names it among the changes."""
    before = file_with("{slack: {env: HOOK}, name: a}", "{slack: {env: HOOK}, name: b}")
    after = before.replace("name: a", "name: a, events: overdue").replace("name: b", "name: c")

    changes = difference(read(before, environ=ENVIRON), read(after, environ=ENVIRON))

    assert changes == {"added": ["notify.c"], "removed": ["notify.b"], "changed": ["notify.a"]}


def test_headers_are_read_from_where_a_secret_may_be() -> None:
    """A gateway's `Authorization` is in a file or in a variable, never in this file."""
    (found,) = targets_of("{webhook: {env: HOOK}, headers: {Authorization: {env: HOOK}}}")

    assert found.headers == (Header("Authorization", env="HOOK"),)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ("{Authorization: Bearer T0KEN}", "a header's value is refused"),
        ("{Authorization: {}}", "one of the keys file or env is missing"),
        ("{Authorization: {env: GONE}}", "the environment has no variable GONE"),
        ("{Authorization: {env: UMLAUT}}", "no header can have this value"),
        ("{Host: {env: HOOK}}", "Host is a header that you cannot set"),
        ('{"a b": {env: HOOK}}', '"a b" is not the name of a header'),
    ],
)
def test_a_header_that_cannot_be_sent_is_a_fault(headers: str, said: str) -> None:
    """At its place, and without its value."""
    found = said_of(f"{{webhook: {{env: HOOK}}, headers: {headers}}}")

    assert "notify.0.headers" in found or "notify[0].headers" in found
    assert said in found


def test_the_library_takes_no_headers() -> None:
    """Its services have their own, which belong into its URL."""
    found = said_of("{apprise: {env: MAIL}, headers: {X-Token: {env: HOOK}}}")

    assert "the apprise library writes its own" in found
