"""The outputs that README and manual show: commands run on a pinned file, clock and ledger.

A block of code below `<!-- output: SCENE -->` is a session: each line `$ cbmaintd …` is run, and
what follows it is what it prints. Commands run in a folder that has the file of the README, at the
instant of the scene. A block below `<!-- log: FORM -->` is a piece of the log, in that form.
`python -m tests.outputs` writes what they print into the pages.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.core.attempt import Action, CallError
from daemon.core.listing import Listing
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News, ProgressNote
from daemon.core.unreachable import Unreachable
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from tests import log_samples, manual
from tests.evil.wallshim import WallClock
from tests.log_samples import call

_RUN = """\
import contextlib, io, json, shlex, sys
from daemon.cli.main import main
said = []
for command in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main(shlex.split(command)[1:])
        except SystemExit:
            pass
    said.append(out.getvalue())
json.dump(said, sys.stdout)
"""

_MARKED = re.compile(r"<!-- output: (\w+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAMPLE = re.compile(r"<!-- log: (\w+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"<!-- file: schedules.yaml -->\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (cbmaintd .*)$", re.MULTILINE)

FRIDAY = datetime(2026, 12, 4, 8, tzinfo=UTC)
SUNDAY = datetime(2026, 12, 6, 1, tzinfo=UTC)
"""When the README's window opens: 02:00 in Berlin."""


@dataclass(frozen=True)
class Scene:
    """What a session finds: the time, what *fill* writes into the ledger, and typing errors."""

    now: datetime
    fill: Callable[[Path, Ledger], None] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return the file of the README, with the errors."""
        text = example()
        for right, wrong in self.errors.items():
            text = text.replace(right, wrong)
        return text


def example() -> str:
    """Return the file that the README shows."""
    (found,) = _FILE.findall(manual.README.read_text())
    return str(found)


def _applied(folder: Path, ledger: Ledger) -> None:
    text = (folder / "schedules.yaml").read_bytes()
    put_in_force = datetime(2026, 11, 30, 9, tzinfo=UTC)
    ledger.save_config(
        AppliedConfig("/etc/cbmaintd/schedules.yaml", Path("/etc/cbmaintd"), text, put_in_force)
    )


_OPENING = f"sunday-patching@{SUNDAY.isoformat()}"
_END = SUNDAY + timedelta(hours=4)
_REPOSITORIES = ("archive", "orders", "tenant-a", "tenant-b")


def _half_open(folder: Path, ledger: Ledger) -> None:
    """Fill in three minutes of the window: three of four are paused, and dr does not answer."""
    _applied(folder, ledger)
    ledger.save(
        [_hold(id_) for id_ in _REPOSITORIES[1:]]
        + [
            _hold(
                "archive",
                Phase.PAUSING,
                last_error="server_error",
                next_attempt=SUNDAY + timedelta(minutes=4),
            )
        ],
        news=[News("prod", Listing(frozenset(_REPOSITORIES), frozenset({_OPENING})))],
    )
    silent = Unreachable("dr", "refused", "Connection refused", SUNDAY)
    ledger.note_unreachable({"dr": silent})


def _hold(
    id_: str,
    phase: Phase = Phase.PAUSED,
    last_error: str | None = None,
    next_attempt: datetime | None = None,
) -> Record:
    return Record(
        RepositoryKey("prod", id_),
        phase,
        windows=("sunday-patching",),
        openings=(_OPENING,),
        since=SUNDAY,
        until=_END,
        last_error=last_error,
        next_attempt=next_attempt,
    )


def _over(folder: Path, ledger: Ledger) -> None:
    """Fill in what is known an hour later: all is active again, and a night is skipped."""
    _applied(folder, ledger)
    calls = [
        call(id_, action, start + timedelta(milliseconds=140 + 40 * number))
        for action, start in ((Action.PAUSE, SUNDAY), (Action.RESUME, _END))
        for number, id_ in enumerate(_REPOSITORIES)
    ]
    calls.insert(0, call("archive", Action.PAUSE, SUNDAY, CallError.SERVER_ERROR))
    notes = [
        ProgressNote("prod", "sunday-patching", SUNDAY, _END, at, 4, paused, 0, True, resumed)
        for at, paused, resumed in (
            (SUNDAY + timedelta(milliseconds=400), 4, 0),
            (_END + timedelta(milliseconds=310), 4, 4),
        )
    ]
    ledger.save((), calls, [News("prod", Listing(frozenset(_REPOSITORIES)), tuple(notes))])
    monday = datetime(2026, 12, 7, 22, 30, tzinfo=UTC)
    ledger.add_override(
        Override(
            *(OverrideKind.SKIP, "nightly-load", monday, None, _END + timedelta(minutes=20)),
            *("ana@admin1", "CHG-1042: the load was moved"),
        )
    )


SCENES = {
    "planned": Scene(FRIDAY),
    "faulty": Scene(FRIDAY, errors={"[sunday]": "[sonday]", "pause_before": "pause_befor"}),
    "open": Scene(SUNDAY + timedelta(minutes=3), _half_open),
    "over": Scene(_END + timedelta(hours=1), _over),
}


class Stage:
    """Runs sessions of a scene in a folder of its own."""

    def __init__(self, folder: Path, clock: WallClock) -> None:
        """Run them in *folder*, by *clock*."""
        self._folder = folder
        self._clock = clock

    def said(self, name: str, commands: Sequence[str]) -> list[str]:
        """Return what each command prints in that scene, whichever stream it takes."""
        scene, folder = SCENES[name], self._folder / name
        folder.mkdir(mode=0o700)
        (folder / "schedules.yaml").write_text(scene.text())
        ledger = folder / "ledger.db"
        with ExitStack() as exits:
            if scene.fill:
                opened = exits.enter_context(open_ledger(f"sqlite:///{ledger}", Access.DAEMON))
                scene.fill(folder, opened)
                holder = {"pid": 812, "host": "backup1", "since": "2026-11-30T09:00:00+00:00"}
                (folder / "ledger.db.lock").write_text(json.dumps(holder))
            done = subprocess.run(
                [sys.executable, "-c", _RUN],
                input=json.dumps(commands),
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
                cwd=folder,
                env={
                    **self._clock.standing_at(scene.now),
                    "PYTHONPATH": str(manual.ROOT),
                    "CBMAINTD_LEDGER": f"sqlite:///{ledger}",
                    "COLUMNS": "100",
                    "TZ": "Europe/Berlin",
                    "LANG": "C.UTF-8",
                },
            )
        return [str(each) for each in json.loads(done.stdout)]


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """Return the marked blocks of a page, each with its scene."""
    yield from _MARKED.findall(text)


def played(stage: Stage, blocks: Iterable[tuple[str, str]]) -> list[str]:
    """Return the blocks as they have to be: their commands, each with what it prints."""
    by_scene: dict[str, list[str]] = {}
    for scene, block in blocks:
        by_scene.setdefault(scene, []).append(block)
    done: dict[tuple[str, str], str] = {}
    for scene, shown in by_scene.items():
        commands = [command for block in shown for command in _COMMAND.findall(block)]
        said = stage.said(scene, commands)
        for command, text in zip(commands, said, strict=True):
            done[scene, command] = f"$ {command}\n{_trimmed(text)}"
    return [
        "\n".join(done[scene, command] for command in _COMMAND.findall(block))
        for scene, block in blocks
    ]


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def samples(text: str) -> Iterator[tuple[str, str]]:
    """Return the blocks of a page that show the log, each with its form."""
    yield from _SAMPLE.findall(text)


def main() -> None:
    """Write what the commands print into README and manual."""
    for path in (manual.README, *manual.PAGES):
        text = path.read_text()
        text = _SAMPLE.sub(lambda m: m[0].replace(m[2], log_samples.SAMPLES[m[1]]()), text)
        path.write_text(text)
        blocks = [*sessions(text)]
        if not blocks:
            continue
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "clock").mkdir()
            shown = iter(played(Stage(Path(name), WallClock(Path(name) / "clock")), blocks))
        path.write_text(
            _MARKED.sub(lambda m: m[0].replace(m[2], next(shown)), text)  # noqa: B023  # used at once
        )


if __name__ == "__main__":
    main()
