"""The sandbox's seccomp profile, and its translation into the filter that the kernel runs.

`docker/seccomp.json` is written in Docker's own format and says what is allowed; Docker takes it
as it is. bubblewrap takes a finished program of classic BPF, which is made here from the same file.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from grader.errors import GraderError, NoSandboxError
from grader.sandbox.syscall_numbers import AARCH64, NUMBERS, X86_64

EPERM: Final = 1
ENOSYS: Final = 38

# Where `struct seccomp_data` holds what a filter can ask for (linux/seccomp.h).
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
# linux/seccomp.h
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
# linux/bpf_common.h: load a word, jump if equal, jump if at least, mask, return.
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_INSTRUCTION = struct.Struct("=HBBI")
_LOW = 0xFFFFFFFF
_FARTHEST_JUMP = 255
_MOST_INSTRUCTIONS = 4096
# On x86_64, the bit of system calls made by the x32 convention, whose numbers differ.
_X32 = 0x40000000

# linux/audit.h, and the column of NUMBERS.
_MACHINES: Final = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}


class Action(StrEnum):
    """What becomes of a system call."""

    ALLOW = "SCMP_ACT_ALLOW"
    ERRNO = "SCMP_ACT_ERRNO"


class Operator(StrEnum):
    """How an argument is compared.

    There are no more: `not equal` and orders invite a rule that forbids one value of an
    argument, which a caller gets around by setting bits that the kernel then drops.
    """

    EQUAL = "SCMP_CMP_EQ"
    MASKED_EQUAL = "SCMP_CMP_MASKED_EQ"


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one argument must be.

    Attributes
    ----------
    index : int
        Which argument, from 0.
    value : int
        What it must equal; for a masked comparison, the mask.
    op : Operator
        The comparison.
    valueTwo : int
        For a masked comparison, what must be left under the mask.
    """

    index: int
    value: int
    op: Operator
    valueTwo: int = 0  # noqa: N815 - Docker's name


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of some system calls, if all conditions hold."""

    names: tuple[str, ...]
    action: Action
    comment: str = ""
    errnoRet: int = EPERM  # noqa: N815 - Docker's name
    args: tuple[Condition, ...] = ()


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A processor that the profile is for; none of its other conventions is allowed."""

    architecture: str
    subArchitectures: tuple[str, ...]  # noqa: N815 - Docker's name


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile as Docker reads it, as far as this project uses the format."""

    defaultAction: Action  # noqa: N815 - Docker's name
    archMap: tuple[Architecture, ...]  # noqa: N815 - Docker's name
    syscalls: tuple[Rule, ...]


def profile_path(project_root: Path) -> Path:
    """Return where the profile lies in a checkout."""
    return project_root / "docker" / "seccomp.json"


def profile_text(project_root: Path) -> str:
    """Return the profile as Docker takes it.

    Raises
    ------
    GraderError
        If it cannot be read, or says something that bubblewrap's filter could not hold to.
    """
    path = profile_path(project_root)
    try:
        text = path.read_text()
        _parse(text)
    except (OSError, ValueError) as error:
        raise GraderError(
            f"The seccomp profile {path} cannot be used ({error}).",
            "Run grader from a full checkout of the project, or mend the file.",
        ) from error
    return text


def filter_for(project_root: Path, machine: str | None = None) -> bytes:
    """Return the profile as a program of classic BPF.

    Parameters
    ----------
    project_root : Path
        A full checkout.
    machine : str, optional
        The processor, as `uname -m` names it; this machine's if not given.

    Returns
    -------
    bytes
        An array of `struct sock_filter`, as `bwrap --seccomp` reads it.

    Raises
    ------
    NoSandboxError
        If the profile is not written for this processor.
    GraderError
        If the profile cannot be used.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        raise NoSandboxError(
            f"bubblewrap's system call filter is written for {' and '.join(_MACHINES)}, "
            f"and this machine is {machine}.",
            "Use Docker here, or add the processor to grader/sandbox/seccomp.py.",
        )
    return compile_filter(_parse(profile_text(project_root)), machine)


def compile_filter(profile: Profile, machine: str) -> bytes:
    """Translate a profile for one kind of processor."""
    audit_architecture, column = _MACHINES[machine]
    of_call: dict[int, list[Rule]] = {}
    for rule in profile.syscalls:
        for name in rule.names:
            number = NUMBERS[name][column]
            if number is not None:
                of_call.setdefault(number, []).append(rule)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, audit_architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL_PROCESS)]
    for number in sorted(of_call):
        block = [*_block(of_call[number])]
        program += [(_JUMP_EQUAL, 0, _jump(len(block)), number), *block]
    # A call that is younger than the profile: libraries take ENOSYS for "use the older one".
    program += [
        (_JUMP_AT_LEAST, 0, 1, max(of_call) + 1),
        (_RETURN, 0, 0, _ERRNO | ENOSYS),
        (_RETURN, 0, 0, _ERRNO | EPERM),
    ]
    if len(program) > _MOST_INSTRUCTIONS:
        raise ValueError(f"a filter of {len(program)} instructions is above the kernel's limit")
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def _block(rules: list[Rule]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the instructions for one system call: the first rule whose conditions hold decides."""
    for rule in rules:
        checks: list[tuple[int, int, int]] = []
        for condition in rule.args:
            mask, wanted = condition.value, condition.valueTwo
            if condition.op is Operator.EQUAL:
                mask, wanted = _LOW << 32 | _LOW, condition.value
            # Both processors are little-endian: the lower half comes first.
            at = _ARGUMENTS_AT + 8 * condition.index
            checks += [(at, mask & _LOW, wanted & _LOW), (at + 4, mask >> 32, wanted >> 32)]
        to_next_rule = 3 * len(checks) + 1
        for done, (at, mask, wanted) in enumerate(checks, start=1):
            yield _LOAD, 0, 0, at
            yield _AND, 0, 0, mask
            yield _JUMP_EQUAL, 0, _jump(to_next_rule - 3 * done), wanted
        answer = _ALLOW if rule.action is Action.ALLOW else _ERRNO | rule.errnoRet
        yield _RETURN, 0, 0, answer
    yield _RETURN, 0, 0, _ERRNO | EPERM


def _jump(distance: int) -> int:
    if distance > _FARTHEST_JUMP:
        raise ValueError(f"a jump of {distance} instructions is farther than a filter can jump")
    return distance


def _parse(text: str) -> Profile:
    profile = msgspec.json.decode(text, type=Profile)
    if profile.defaultAction is not Action.ERRNO:
        raise ValueError("what is not named must be refused: defaultAction is SCMP_ACT_ERRNO")
    unknown = {name for rule in profile.syscalls for name in rule.names} - NUMBERS.keys()
    if unknown:
        raise ValueError(
            f"grader/sandbox/syscall_numbers.py does not know {', '.join(sorted(unknown))}"
        )
    return profile
