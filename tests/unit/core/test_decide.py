"""The decisions, as one table: what is wanted, what is seen, what is ours, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.core.decide import (
    Adopt,
    Decision,
    Drifted,
    Keep,
    Leave,
    Missing,
    Pause,
    Reason,
    Resume,
    Resumed,
    confirm,
    decide,
    fail,
    mark,
)
from daemon.core.decide import (
    CatchUp as StartBackup,
)
from daemon.core.moment import Moment
from daemon.core.record import LATE, Phase, Record, Suspicion
from daemon.core.repository import ObservedRepository, RepositoryKey, RepositoryState, ScheduledRun
from daemon.core.vanished import GONE_AFTER, gone
from daemon.windows.timeline import Desired
from daemon.windows.window import CatchUp, Opening

KEY = RepositoryKey("prod", "orders")
BOOT = "boot-1"
START = datetime(2026, 11, 22, 2, tzinfo=UTC)
NOW = Moment(START + timedelta(hours=1), BOOT, timedelta(hours=5))
LIVE = Suspicion(BOOT, NOW.uptime + timedelta(seconds=30), LATE)
OVER = Suspicion(BOOT, NOW.uptime - timedelta(seconds=1), LATE)


def opening(window: str = "sunday") -> Opening:
    """Build an opening of four hours."""
    return Opening(
        window=window,
        start=START,
        end=START + timedelta(hours=4),
        zone=ZoneInfo("UTC"),
        day=date(2026, 11, 22),
        dst=None,
        pause_from=START,
    )


def desired(*windows: str, enforce: bool = False, bridged: bool = False) -> Desired:
    """Build what openings of *windows* want."""
    names = windows or ("sunday",)
    return Desired(
        openings=() if bridged else tuple(opening(name) for name in names),
        enforce=enforce,
        catch_up=CatchUp.NONE,
        until=START + timedelta(hours=4),
        windows=names,
        bridged=bridged,
    )


def seen(state: str) -> ObservedRepository:
    """Build what a list call says."""
    runs = (ScheduledRun(NOW.wall, "daily", "BACKUP"),) if state == "active" else ()
    return ObservedRepository("orders", RepositoryState(state), scheduled=runs)


def held(phase: Phase | None, **changes: object) -> Record:
    """Build the record of a hold for the opening `sunday`."""
    record = Record(
        KEY,
        phase=phase,
        windows=("sunday",),
        openings=(opening().id,),
        since=START,
        until=START + timedelta(hours=4),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # a test names real fields


YIELDED = Record(KEY, yielded=(opening().id,))

INSIDE: list[tuple[str, Record | None, str, type[Decision]]] = [
    ("nothing known, active: pause", None, "active", Pause),
    ("nothing known, paused: somebody else's", None, "paused", Leave),
    ("a lost pause landed: ours", Record(KEY, suspect_pause=LIVE), "paused", Adopt),
    ("a pause failed for certain, paused: somebody else's", held(Phase.PAUSING), "paused", Leave),
    ("a pause of unknown fate, paused: ours", held(Phase.PAUSING, suspect_pause=LIVE), "paused",
     Adopt),
    ("a late pause seen late, paused: ours", held(Phase.PAUSING, suspect_pause=OVER), "paused",
     Adopt),
    ("a pause of unknown fate, active: again", held(Phase.PAUSING, suspect_pause=LIVE), "active",
     Pause),
    ("paused and ours: nothing", held(Phase.PAUSED), "paused", Keep),
    ("a person resumed it: the person wins", held(Phase.PAUSED), "active", Drifted),
    ("our own late resume landed: pause again", held(Phase.PAUSED, suspect_resume=LIVE), "active",
     Pause),
    ("reopened before the resume left: nothing", held(Phase.RESUMING), "paused", Keep),
    ("reopened after the resume landed: pause", held(Phase.RESUMING), "active", Pause),
    ("a person won this opening: leave", YIELDED, "active", Leave),
    ("a person won and paused it since: leave", YIELDED, "paused", Leave),
]  # fmt: skip

OUTSIDE: list[tuple[str, Record | None, str, type[Decision]]] = [
    ("nothing known, active: nothing", None, "active", Keep),
    ("nothing known, paused: nothing", None, "paused", Keep),
    ("a lost pause landed: resume", Record(KEY, suspect_pause=LIVE), "paused", Resume),
    ("a pause failed for certain, paused: nothing", held(Phase.PAUSING), "paused", Keep),
    ("a pause of unknown fate, paused: resume", held(Phase.PAUSING, suspect_pause=OVER), "paused",
     Resume),
    ("never paused: say so", held(Phase.PAUSING), "active", Leave),
    ("ours: resume", held(Phase.PAUSED), "paused", Resume),
    ("a person was faster: say so", held(Phase.PAUSED), "active", Leave),
    ("a resume that failed: again", held(Phase.RESUMING), "paused", Resume),
    ("a resume that was not confirmed: done", held(Phase.RESUMING), "active", Resumed),
]  # fmt: skip


@pytest.mark.parametrize(("record", "state", "expected"), [row[1:] for row in INSIDE],
                         ids=[row[0] for row in INSIDE])  # fmt: skip
def test_inside_an_opening(record: Record | None, state: str, expected: type[Decision]) -> None:
    """Inside an opening what is active is paused, unless a person said no (promises 1, 3)."""
    decision = decide(KEY, desired(), seen(state), record, NOW)

    assert type(decision) is expected


@pytest.mark.parametrize(("record", "state", "expected"), [row[1:] for row in OUTSIDE],
                         ids=[row[0] for row in OUTSIDE])  # fmt: skip
def test_outside_every_opening(record: Record | None, state: str, expected: type[Decision]) -> None:
    """Outside every opening what is ours is resumed, nothing else is touched (promises 2, 3)."""
    decision = decide(KEY, None, seen(state), record, NOW)

    assert type(decision) is expected


def test_what_somebody_else_paused_keeps_no_record() -> None:
    """A repository that somebody else paused leaves nothing that could resume it (promise 3)."""
    decision = decide(KEY, desired(), seen("paused"), None, NOW)

    assert decision == Leave(Record(KEY), Reason.PAUSED_ELSEWHERE)


def test_the_schedule_is_noted_before_the_pause() -> None:
    """The runs are noted with the intent, because a paused repository has no `scheduled`."""
    decision = decide(KEY, desired(), seen("active"), None, NOW)

    assert decision.record.scheduled == seen("active").scheduled


def test_enforce_overrules_a_person() -> None:
    """With `on_drift: enforce` a repository resumed by a person is paused again (promise 6)."""
    decision = decide(KEY, desired(enforce=True), seen("active"), held(Phase.PAUSED), NOW)

    assert isinstance(decision, Pause)
    assert decision.drifted


def test_a_new_opening_asks_again_after_a_person_won() -> None:
    """A person wins for the openings of that moment only, not for one that begins later."""
    decision = decide(KEY, desired("sunday", "nightly"), seen("active"), YIELDED, NOW)

    assert isinstance(decision, Pause)


def test_a_word_for_a_long_opening_outlives_a_short_one() -> None:
    """A person's resume counts for the long opening after a short one came and went inside it."""
    long, both = desired("sunday"), desired("sunday", "nightly")

    intent = decide(KEY, both, seen("active"), YIELDED, NOW)
    kept = decide(KEY, both, seen("paused"), replace(intent.record, suspect_pause=LIVE), NOW)
    end = decide(KEY, long, seen("paused"), kept.record, NOW)
    unconfirmed = decide(KEY, long, seen("active"), end.record, NOW)
    confirmed = confirm(Resume(end.record), unresolved=None)
    after = decide(KEY, long, seen("active"), confirmed, NOW)

    found = [type(each) for each in (intent, kept, end, unconfirmed, after)]
    assert found == [Pause, Adopt, Resume, Resumed, Leave]
    word = (opening("sunday").id,)
    steps = (intent.record, kept.record, end.record, unconfirmed.record, confirmed, after.record)
    assert [record.yielded for record in steps] == [word] * 6
    assert not unconfirmed.record.is_hold
    assert after == Leave(confirmed, Reason.YIELDED)


def test_a_pause_that_shows_after_all_is_no_failure() -> None:
    """With a pause that is adopted, the failure of its call and the next try are forgotten."""
    lost = held(
        Phase.PAUSING, suspect_pause=LIVE, last_error="timeout", next_attempt=NOW.wall, reached=""
    )

    decision = decide(KEY, desired(), seen("paused"), lost, NOW)

    assert isinstance(decision, Adopt)
    assert (decision.record.last_error, decision.record.next_attempt) == (None, None)


def test_a_hold_follows_the_openings_that_want_it() -> None:
    """A hold that a second window takes over is kept, under the second window's name (rule 3)."""
    decision = decide(KEY, desired("nightly"), seen("paused"), held(Phase.PAUSED), NOW)

    assert decision.record.windows == ("nightly",)


@pytest.mark.parametrize(
    ("record", "state", "expected"),
    [
        (held(Phase.PAUSED), "paused", Keep),
        (None, "active", Keep),
        (held(Phase.PAUSED), "active", Keep),
    ],
    ids=["what is held stays held", "nothing new is paused", "a person's resume stands"],
)
def test_a_hole_shorter_than_merge_gap(
    record: Record | None, state: str, expected: type[Decision]
) -> None:
    """In a hole shorter than `merge_gap` nothing is resumed and nothing is paused."""
    decision = decide(KEY, desired(bridged=True), seen(state), record, NOW)

    assert type(decision) is expected


def test_a_hole_keeps_the_hold() -> None:
    """What is held through a short hole is still recorded as paused by us."""
    decision = decide(KEY, desired(bridged=True), seen("paused"), held(Phase.PAUSED), NOW)

    assert decision.record.phase is Phase.PAUSED


def test_a_repository_that_does_not_exist_is_reported() -> None:
    """A window that names an unknown repository is reported, not passed over in silence."""
    decision = decide(KEY, desired(), None, None, NOW)

    assert isinstance(decision, Missing)


def test_one_look_is_not_enough_to_forget_a_hold() -> None:
    """A hold whose repository is missing from one list is kept: a server may be starting up."""
    decision = decide(KEY, None, None, held(Phase.PAUSED), NOW)

    assert decision == Keep(held(Phase.PAUSED, missing_since=NOW.wall))


def test_a_deleted_repository_is_let_go() -> None:
    """A hold whose repository stays missing is ended with a reason."""
    record = held(Phase.PAUSED, missing_since=NOW.wall - GONE_AFTER)

    decision = decide(KEY, None, None, record, NOW)

    assert decision == Leave(gone(record), Reason.GONE)
    assert not decision.record.is_hold


@pytest.mark.parametrize("wanted", [None, desired()])
def test_another_repository_of_the_same_id_is_not_ours(wanted: Desired | None) -> None:
    """A repository that got the id of the one we paused is neither resumed nor kept paused."""
    other = replace(seen("paused"), uuid="b")
    record = held(Phase.PAUSED, uuid="a", missing_since=NOW.wall - GONE_AFTER)

    early = decide(KEY, wanted, other, replace(record, missing_since=None), NOW)
    late = decide(KEY, wanted, other, record, NOW)

    assert isinstance(early, Keep)
    assert late == Leave(Record(KEY), Reason.GONE)


@pytest.mark.parametrize(("known", "found"), [("a", "a"), ("", "a"), ("a", "")])
def test_a_repository_is_known_by_its_number_or_by_its_id(known: str, found: str) -> None:
    """Where the ledger or the list lacks the number, the id alone has to do."""
    record = held(Phase.PAUSED, uuid=known)

    decision = decide(KEY, None, replace(seen("paused"), uuid=found), record, NOW)

    assert isinstance(decision, Resume)


def test_a_pause_notes_which_repository_it_is() -> None:
    """The intent to pause carries the repository's number from the list."""
    decision = decide(KEY, desired(), replace(seen("active"), uuid="a"), None, NOW)

    assert decision.record.uuid == "a"


def test_a_missing_repository_is_kept_while_a_call_may_land() -> None:
    """A missing repository is not forgotten while a pause of ours may still take effect."""
    record = held(Phase.PAUSING, missing_since=START, suspect_pause=LIVE)

    decision = decide(KEY, None, None, record, NOW)

    assert decision.record.suspect_pause == LIVE


def test_a_suspicion_ends_only_with_a_look_after_it() -> None:
    """A suspicion ends with a look after its deadline that shows no effect, never by time alone."""
    early = decide(KEY, None, seen("active"), Record(KEY, suspect_pause=LIVE), NOW)
    late = decide(KEY, None, seen("active"), Record(KEY, suspect_pause=OVER), NOW)
    landed = decide(KEY, None, seen("paused"), Record(KEY, suspect_pause=OVER), NOW)

    assert early.record.suspect_pause == LIVE
    assert late.record.is_spent
    assert isinstance(landed, Resume)


def test_a_reboot_ends_a_suspicion_by_uptime() -> None:
    """After a reboot a call is older than the machine's uptime; beyond its span it is settled."""
    suspicion = Suspicion("another boot", timedelta(days=9), LATE)
    young = replace(NOW, uptime=LATE - timedelta(seconds=1))

    assert suspicion.is_over(NOW)
    assert not suspicion.is_over(young)


def test_a_mark_outlives_what_it_replaces() -> None:
    """A mark never shortens a suspicion that was there before it."""
    before = Suspicion(BOOT, NOW.uptime + timedelta(hours=1), LATE)

    record = mark(Pause(Record(KEY, suspect_pause=before)), NOW, LATE)

    assert record.suspect_pause == before


def test_a_success_settles_only_itself() -> None:
    """A call that was seen to work leaves earlier calls of unknown fate suspected."""
    decision = Pause(held(Phase.PAUSING, suspect_pause=LIVE))

    record = confirm(decision, unresolved=None)

    assert record.phase is Phase.PAUSED
    assert record.suspect_pause == LIVE


def test_a_confirmed_resume_leaves_nothing() -> None:
    """After a resume that was seen to work, and with nothing suspected, the record is spent."""
    record = confirm(Resume(held(Phase.RESUMING)), unresolved=None)

    assert record.is_spent


@pytest.mark.parametrize("until", [START + timedelta(hours=4), START, None])
def test_what_was_ended_early_ends_when_that_is_seen(until: datetime | None) -> None:
    """How late a resume is counts from there; an end that has passed stays, on every later look."""
    first = decide(KEY, None, seen("paused"), held(Phase.PAUSED, until=until), NOW)
    assert isinstance(first, Resume)
    later = replace(NOW, wall=NOW.wall + timedelta(minutes=5))

    again = decide(KEY, None, seen("paused"), first.record, later)

    assert isinstance(again, Resume)
    assert first.record.until == again.record.until == (START if until == START else NOW.wall)


def test_an_owed_backup_starts_once_it_is_due() -> None:
    """A backup that is owed starts when its turn has come, and is then owed no more."""
    owing = Record(KEY, windows=("sunday",), backup_due=NOW.wall)

    due = decide(KEY, None, seen("active"), owing, NOW)
    later = replace(owing, backup_due=NOW.wall + timedelta(seconds=1))
    early = decide(KEY, None, seen("active"), later, NOW)

    assert due == StartBackup(Record(KEY, windows=("sunday",)))
    assert early == Keep(later)


@pytest.mark.parametrize("phase", [None, Phase.PAUSED])
def test_an_owed_backup_waits_for_an_opening(phase: Phase | None) -> None:
    """While an opening wants the repository paused, what it is owed is kept for afterwards."""
    state = "active" if phase is None else "paused"
    owing = held(phase, backup_due=NOW.wall)

    decision = decide(KEY, desired(), seen(state), owing, NOW)

    assert not isinstance(decision, StartBackup)
    assert decision.record.backup_due == NOW.wall


def test_a_refused_pause_is_not_ours() -> None:
    """A pause that certainly never arrived claims nothing: a pause seen later is somebody's."""
    record = fail(Pause(held(Phase.PAUSING)), None, "refused")

    decision = decide(KEY, None, seen("paused"), record, NOW)

    assert isinstance(decision, Keep)


def test_a_lost_pause_may_be_ours() -> None:
    """A pause whose answer was lost stays ours until it is disproved."""
    record = fail(Pause(held(Phase.PAUSING)), LIVE, "timeout")

    decision = decide(KEY, None, seen("paused"), record, NOW)

    assert isinstance(decision, Resume)
