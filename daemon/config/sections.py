"""The sections of schedules.yaml: which keys each has, and the type of each value.

Every field may be absent here, so that a file with errors can still be checked as a whole;
`Section.required` and `Section.exactly_one` say what a section must have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import create_model

from daemon.config import fields
from daemon.config.fields import OneOrMore, OrText, Section, Whole, optional
from daemon.config.rules import RuleKeys
from daemon.notify.kinds.registry import KINDS
from daemon.windows.dates import DateRange

Urls = Annotated[tuple[fields.Url, ...], OneOrMore("URL")]
PatternList = Annotated[tuple[fields.RepositoryPattern, ...], OneOrMore("repository or glob")]
ExclusionNames = Annotated[tuple[fields.AnyText, ...], OneOrMore("exclusion or date")]


class TlsSection(Section):
    """Trust and identity of TLS connections. Files: absolute, a credential, or beside this file."""

    ca_file: fields.FileName | None = optional(
        "Authorities to trust in PEM, instead of the system's.", "prod-ca.pem"
    )
    client_cert: fields.FileName | None = optional(
        "Client certificate in PEM; needs client_key.", "prod.pem"
    )
    client_key: fields.FileName | None = optional(
        "Its key in PEM; others must not read the file.", "prod.key"
    )
    verify: bool | None = optional(
        "false trusts any server, and is warned about (default true).", True
    )


class TimeoutSection(Section):
    """Limits of one HTTP call."""

    connect: fields.Limit | None = optional("For the connection (default 5s).", "5s")
    read: fields.Limit | None = optional("Longest silence of the server (default 30s).", "30s")
    total: fields.Limit | None = optional(
        "For the whole call, however slowly bytes arrive (default 60s).", "60s"
    )


class RetrySection(Section):
    """Attempts within one pass; the next resync tries again."""

    attempts: Annotated[int, Whole(1, 100)] | None = optional(
        "How often a call is sent (default 5).", 5
    )
    first_delay: fields.Limit | None = optional("Longest first wait (default 500ms).", "500ms")
    max_delay: fields.Limit | None = optional(
        "Longest wait, also for Retry-After (default 30s).", "30s"
    )


class ClusterSection(Section):
    """A cluster and how it is reached."""

    exactly_one = ("url", "discover")

    url: Urls | None = optional(
        "Backup Service, https://host:18097, or a list, tried in order.",
        "https://backup1.example.com:18097",
    )
    discover: Urls | None = optional(
        "Cluster manager, https://host:18091: asked which nodes serve backups.",
        "https://node1.example.com:18091",
    )
    username: fields.Username | None = optional("A user with the role backup_admin.", "cbmaintd")
    password_file: fields.FileName | None = optional(
        "File with the password; others must not read it.", "prod.password"
    )
    password_env: fields.Variable | None = optional(
        "Environment variable with the password.", "PROD_PASSWORD"
    )
    tls: TlsSection | None = optional(
        "Trust and identity of TLS connections.", {"ca_file": "prod-ca.pem"}
    )
    timeout: TimeoutSection | None = optional(
        "How long one HTTP call may take.", {"connect": "5s", "read": "30s", "total": "60s"}
    )
    retry: RetrySection | None = optional(
        "Attempts within one pass.", {"attempts": 5, "max_delay": "30s"}
    )
    concurrency: Annotated[int, Whole(1, 64)] | None = optional(
        "Calls in flight at once (default 8).", 8
    )
    labels: dict[fields.Name, fields.Name] | None = optional(
        "Windows can select clusters by these.", {"env": "prod", "region": "eu"}
    )
    allow_insecure_http: bool | None = optional(
        "Allow http:// to hosts other than this one.", False
    )


class WindowSection(RuleKeys):
    """A window: when it opens, and what is paused meanwhile."""

    required = ("repositories",)
    exactly_one = tuple(RuleKeys.model_fields)

    repositories: dict[fields.AnyText, PatternList] | None = optional(
        "By cluster, glob over clusters or labels (env=prod): ids or globs; ! excludes.",
        {"prod": ["*"]},
        {"env=prod": ["orders", "tenant-*", "!tenant-demo"]},
    )
    timezone: fields.Zone | None = optional("IANA zone (default: the file's).", "Europe/Berlin")
    exclude: ExclusionNames | None = optional(
        "Days on which it does not open: exclusions, dates, A..B.",
        ["year-end-freeze", "2026-11-12"],
    )
    pause_before: fields.Lead | None = optional(
        "Pause earlier, so that tasks can finish (default 0s).", "15m"
    )
    catch_up: fields.CatchUpWord | None = optional(
        "Backup after the resume: none (default), missed (if one fell due) or always.", "missed"
    )
    on_drift: fields.OnDriftWord | None = optional(
        "If somebody resumes: report (default, they win) or enforce (paused again).", "enforce"
    )
    enabled: bool | None = optional("false: it never opens (default true).", False)
    description: fields.AnyText | None = optional("For people.", "Operating system updates")
    valid_from: fields.Day | None = optional("First day on which it may open.", "2026-04-01")
    valid_until: fields.Day | None = optional("Last day on which it may open.", "2028-12-31")


class DaySourceSection(Section):
    """Days that stand elsewhere than in this file."""

    exactly_one = ("ics", "holidays")
    is_listed = True

    ics: fields.FileName | None = optional(
        "iCalendar file: the days of its all-day events.", "days-off.ics"
    )
    holidays: fields.AnyText | None = optional(
        "Country by ISO 3166, DE: its public holidays.", "DE"
    )
    subdivision: fields.AnyText | None = optional("Part of the country by ISO 3166-2, BY.", "BY")


ExclusionDays = Annotated[
    tuple[Annotated[DateRange | DaySourceSection, OrText(fields.DateRangeText)], ...],
    OneOrMore("date"),
]


class UrlSection(Section):
    """Where a URL is found; it is a secret, since who knows it may post."""

    exactly_one = ("file", "env")

    file: fields.FileName | None = optional(
        "File with the URL; others must not read it.", "slack.url"
    )
    env: fields.Variable | None = optional("Environment variable with the URL.", "SLACK_URL")


class HeaderSection(Section):
    """Where the value of a header is found; it may be a secret."""

    exactly_one = ("file", "env")

    file: fields.FileName | None = optional(
        "File with the whole value, such as Bearer TOKEN; others must not read it.", "pager.token"
    )
    env: fields.Variable | None = optional("Environment variable with the value.", "PAGER_TOKEN")


SecretHeader = Annotated[
    HeaderSection, fields.NoSecret("header's value", "{file: NAME} or {env: NAME}")
]
SecretUrl = Annotated[UrlSection, fields.NoSecret("URL", "{file: NAME} or {env: NAME}")]


if TYPE_CHECKING:
    _WithKinds = Section
else:
    # A key for each kind, which mypy cannot know: they are asked for by name.
    _WithKinds = create_model(
        "_WithKinds",
        __base__=Section,
        **{
            kind.key: (SecretUrl | None, optional(kind.description, dict(kind.example)))
            for kind in KINDS
        },
    )


class NotifySection(_WithKinds):
    """Somebody to tell of what happens."""

    exactly_one = tuple(kind.key for kind in KINDS)
    named = ("headers",)
    is_listed = True

    name: fields.Name | None = optional(
        "For the log (default: kind and place in the list).", "pager"
    )
    events: Annotated[tuple[fields.AnyText, ...], OneOrMore("event")] | None = optional(
        "Events of the log or globs, and overdue (default: what somebody has to look after).",
        ["repository.failed", "overdue", "config.*"],
    )
    windows: Annotated[tuple[fields.AnyText, ...], OneOrMore("window or glob")] | None = optional(
        "Only what is about these windows, by name or glob (default: all).", ["sunday-patching"]
    )
    template: fields.AnyText | None = optional(
        "JSON body of a webhook, with $summary, $event and more.", '{"text": "$summary"}'
    )
    headers: dict[fields.HeaderName, SecretHeader] | None = optional(
        "Headers to send, such as Authorization.", {"Authorization": {"file": "pager.token"}}
    )
    matchers: Annotated[tuple[fields.AnyText, ...], OneOrMore("matcher")] | None = optional(
        "Which alerts an Alertmanager silences: all of them must hold.", ['job="couchbase"']
    )
    proxy: fields.Url | None = optional(
        "HTTP proxy to send by (the environment's is not used).", "http://proxy.example.com:3128"
    )


class FileSection(Section):
    """schedules.yaml: the maintenance windows of cbmaintd."""

    required = ("clusters", "windows")
    named = ("clusters", "exclusions", "windows")

    timezone: fields.Zone | None = optional(
        "IANA zone of windows that name none (default UTC).", "Europe/Berlin"
    )
    ledger: fields.Ledger | None = optional(
        "sqlite:////absolute/path.db or postgresql+psycopg://user@host/database (default: see"
        " --ledger).",
        "sqlite:////var/lib/cbmaintd/ledger.db",
        "postgresql+psycopg://cbmaintd@db.example.com/cbmaintd?sslmode=verify-full",
    )
    listen: fields.Listener | None = optional(
        "HOST:PORT of the web page, metrics and health (default: off).", "127.0.0.1:9797"
    )
    resync: fields.Resync | None = optional(
        "How often everything is checked, 1s to 10m (default 30s).", "30s"
    )
    merge_gap: fields.Lead | None = optional(
        "Through a shorter gap, what is paused stays paused (default 0s).", "10m"
    )
    max_pause: fields.Length | None = optional(
        "A longer hold is reported as an error (default 36h).", "36h"
    )
    keep_history: fields.Keep | None = optional(
        "How far history goes back, 1d to 3660d (default 400d).", "400d"
    )
    lease: fields.LeaseTime | None = optional(
        "Daemons on one database: how long one may be silent before the others take its clusters"
        " (default: three times the longest timeout.total).",
        "3m",
    )
    clusters: dict[fields.Name, ClusterSection] | None = optional(
        "Clusters by name.",
        {
            "prod": {
                "url": "https://backup1.example.com:18097",
                "username": "cbmaintd",
                "password_file": "prod.password",
            }
        },
    )
    exclusions: dict[fields.Name, ExclusionDays] | None = optional(
        "Sets of days by name: dates, A..B.",
        {"year-end-freeze": ["2026-12-20..2027-01-03", "2027-01-06"]},
    )
    windows: dict[fields.Name, WindowSection] | None = optional(
        "Windows by name.",
        {
            "patching": {
                "weekly": {"days": "sunday", "start": "02:00", "end": "06:00"},
                "repositories": {"prod": ["*"]},
            }
        },
    )
    notify: Annotated[tuple[NotifySection, ...], OneOrMore("target")] | None = optional(
        "Who is told of what happens.", [{"slack": {"file": "slack.url"}}]
    )
