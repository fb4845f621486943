"""What holds for every command, and the commands for staff's machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result

from grader.cli.main import main
from grader.errors import GraderError, NoSandboxError
from grader.lab import Project

Run = Callable[..., Result]


def every_command(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from every_command(inner, (*path, name))


COMMANDS = [pytest.param(*found, id=" ".join(found[0])) for found in every_command()]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_has_help_and_an_example(
    run: Run, path: tuple[str, ...], command: click.Command
) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert command.help
    assert command.epilog is not None
    assert f"grader {path[0]}" in command.epilog
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_stands_in_the_docs(
    project: Project, path: tuple[str, ...], command: click.Command
) -> None:
    text = (project.root / "docs" / "commands.md").read_text()
    assert f"grader {' '.join(path)}" in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in text, parameter.opts


def test_an_error_of_the_grader_s_own_is_one_line_unless_debugging(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise GraderError("It broke.", "Mend it.")

    monkeypatch.setattr("grader.cli.doctor.find_project", fail)
    plain = run("doctor")
    assert plain.exit_code == 1
    assert plain.stderr == "grader: It broke. Mend it.\n"
    assert "Traceback" in run("--debug", "doctor").stderr


def test_doctor_says_what_is_missing_and_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise NoSandboxError("It is not there.", "Install it.")

    monkeypatch.setattr("grader.cli.doctor.image_status", none)
    monkeypatch.setattr("grader.cli.doctor.probe_bubblewrap", none)
    result = run("doctor")
    assert result.exit_code == 3
    assert result.stdout.count("Install it.") == 2


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_image_status_names_the_image_that_is_there(run: Run) -> None:
    result = run("image", "status")
    assert result.exit_code == 0
    assert " ready sha256:" in result.stdout


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_building_an_image_that_is_up_to_date_does_nothing(run: Run) -> None:
    before = run("image", "status").stdout
    built = run("image", "build")
    assert (built.exit_code, built.stdout, built.stderr) == (0, before, "")


def test_the_demo_keeps_archives_and_reports_and_grades_them_as_told(
    run: Run, tmp_path: Path
) -> None:
    result = run("demo", "--sandbox", "process", "--out", tmp_path)
    assert result.exit_code == 0
    assert "does not isolate" in result.stdout
    reports = {path.stem: json.loads(path.read_bytes()) for path in tmp_path.glob("*.json")}
    scores = {name: report["score"] for name, report in reports.items()}
    assert scores["ADA_RIGHT_LAB3"] == 90
    assert scores["TIM_TEMPLATE_LAB3"] == 10
    assert 65 <= scores["SUE_SOFTMAX_LAB3"] < 80
    assert scores["EVE_EXIT_LAB3"] == 70
    assert scores["lab3 final (2)"] == 89
    assert scores["GUS_GIVEN_LAB3"] == 80
    assert reports["ADA_RIGHT_LAB3"]["provisional"]
    assert (tmp_path / "ADA_RIGHT_LAB3.files" / "plots" / "reference.png").is_file()


def test_a_demo_that_could_not_be_graded_says_so_with_its_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, *_: object) -> None:
        raise GraderError("The sandbox broke.", "Mend it.")

    monkeypatch.setattr("grader.sandbox.process.ProcessSandbox.launch", broken)
    result = run("demo", "--sandbox", "process", "--out", tmp_path)
    assert result.exit_code == 1
    assert "The sandbox broke." in result.output
