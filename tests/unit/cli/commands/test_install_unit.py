"""`install-unit`: the shipped units, for this environment, below a folder of ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon.cli.main import main

ROOT = Path(__file__).parents[4]


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this be an environment with the command in it, at a place that services see."""
    prefix = Path("/opt/there")
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(Path, "exists", lambda path: path.is_relative_to(prefix) or path.is_file())
    monkeypatch.delenv("CBMAINTD_CONFIG", raising=False)
    return tmp_path


def test_units_and_an_example_are_written(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All files are there afterwards, for this environment, and the next step is told."""
    code = main(["install-unit", "--root", str(prefix)])

    said = capsys.readouterr().out
    unit = (prefix / "etc/systemd/system/cbmaintd.service").read_text()
    assert code == 0
    assert "ExecStart=/opt/there/bin/cbmaintd --config /etc/cbmaintd/schedules.yaml run\n" in unit
    assert "/opt/cbmaintd/bin" not in unit
    assert (prefix / "etc/systemd/system/cbmaintd-failure@.service").is_file()
    example = prefix / "etc/cbmaintd/schedules.yaml"
    assert example.read_bytes() == (ROOT / "schedules.yaml").read_bytes()
    assert (prefix / "etc/cbmaintd/secrets").stat().st_mode & 0o777 == 0o700
    manuals = prefix / "usr/local/share/man"
    assert (manuals / "man1/cbmaintd.1").read_text().startswith(".TH CBMAINTD 1")
    assert (manuals / "man5/schedules.yaml.5").read_text().startswith(".TH SCHEDULES.YAML 5")
    assert "systemctl enable --now cbmaintd" in said


def test_a_second_time_keeps_the_file(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edited schedules.yaml is never overwritten; a changed unit is put right, and that said."""
    main(["install-unit", "--root", str(prefix)])
    edited = prefix / "etc/cbmaintd/schedules.yaml"
    edited.write_text("mine\n")
    (prefix / "etc/systemd/system/cbmaintd.service").write_text("old\n")
    capsys.readouterr()

    main(["install-unit", "--root", str(prefix)])

    said = capsys.readouterr().out.splitlines()
    assert edited.read_text() == "mine\n"
    assert [line.rpartition(": ")[2] for line in said[:4]] == [
        "replaced",
        "unchanged",
        "kept as it is",
        "unchanged",
    ]


def test_a_file_in_another_encoding_is_kept(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there need not be UTF-8 to be left as it is."""
    edited = prefix / "etc/cbmaintd/schedules.yaml"
    edited.parent.mkdir(parents=True)
    edited.write_bytes("# für München\n".encode("latin-1"))

    code = main(["install-unit", "--root", str(prefix)])

    assert code == 0
    assert f"{edited}: kept as it is\n" in capsys.readouterr().out
    assert edited.read_bytes() == "# für München\n".encode("latin-1")


def test_the_unit_alone_is_printed(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--print` writes no file; the unit reads the file that was asked for."""
    code = main(["-c", "/srv/windows.yaml", "install-unit", "--print"])

    assert code == 0
    assert "--config /srv/windows.yaml run\n" in capsys.readouterr().out
    assert not list(prefix.iterdir())


def test_a_place_that_services_do_not_see(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An environment below a home or /tmp is refused: the unit could not start its command."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    missing = main(["install-unit", "--root", str(tmp_path)])
    (tmp_path / "bin" / "cbmaintd").touch()
    monkeypatch.setattr("daemon.cli.commands.install_unit.HIDDEN", (str(tmp_path),))
    hidden = main(["install-unit", "--root", str(tmp_path)])

    assert (missing, hidden) == (2, 2)
    said = capsys.readouterr().err
    assert "there is no command here" in said
    assert f"a service does not see {tmp_path}" in said


def test_print_shows_what_would_be_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--print` is for looking: it prints the unit anyway, and one line why it is not installed."""
    monkeypatch.delenv("CBMAINTD_CONFIG", raising=False)
    monkeypatch.setattr(sys, "prefix", "/root/there")
    code = main(["install-unit", "--root", str(tmp_path), "--print"])

    said = capsys.readouterr()
    assert code == 0
    assert "ExecStart=/root/there/bin/cbmaintd --config " in said.out
    assert said.err.startswith("cbmaintd: this unit would not be installed: /root/there/bin/")
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_paths_are_words_of_the_unit(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What systemd would take for two words, a specifier or a variable stays what it is."""
    monkeypatch.setattr(sys, "prefix", "/opt/there/two words 100%")
    code = main(["-c", '/srv/the "new" $HOME', "install-unit", "--root", str(prefix)])

    unit = (prefix / "etc/systemd/system/cbmaintd.service").read_text()
    command = '"/opt/there/two words 100%%/bin/cbmaintd" --config "/srv/the \\"new\\" $$HOME"'
    assert code == 0
    assert f"ExecStart={command} run\n" in unit
    assert f"ExecReload={command} reload\n" in unit
    assert (prefix / 'srv/the "new" $HOME').is_file()


@pytest.mark.usefixtures("prefix")
def test_a_path_adds_no_line_to_the_unit(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a path would be a setting of whoever chose it."""
    code = main(["-c", "/srv/a\nExecStartPre=/bin/true", "install-unit", "--print"])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.endswith("\\nExecStartPre=/bin/true: a unit cannot name such a path\n")
