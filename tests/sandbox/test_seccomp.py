"""The seccomp profile allows what lessons need and nothing more, in Docker and in bubblewrap."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
from pathlib import Path

import msgspec
import pytest

from grader.errors import GraderError, NoSandboxError
from grader.lab import Project
from grader.sandbox.seccomp import Profile as SeccompProfile
from grader.sandbox.seccomp import compile_filter, filter_for, profile_path, profile_text
from grader.sandbox.syscall_numbers import AARCH64, NUMBERS, X86_64

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMNS = {"x86_64": X86_64, "aarch64": AARCH64}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """Run a filter as the kernel would, and return its verdict."""
    arguments = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments)
    steps = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def verdict(project: Project, machine: str, name: str, *arguments: int) -> int:
    number = NUMBERS[name][COLUMNS[machine]]
    assert number is not None
    return decide(filter_for(project.root, machine), ARCHITECTURES[machine], number, *arguments)


@pytest.mark.parametrize("name", ["read", "mmap", "futex", "execve", "sendmsg", "getrandom"])
def test_what_python_needs_is_allowed(project: Project, machine: str, name: str) -> None:
    assert verdict(project, machine, name, 2**64 - 1) == ALLOW


def test_every_call_that_is_not_named_is_refused(project: Project, machine: str) -> None:
    program = filter_for(project.root, machine)
    named = {numbers[COLUMNS[machine]] for numbers in NUMBERS.values()}
    newest = max(number for number in named if number is not None)
    for number in range(newest + 1):
        if number not in named:
            assert decide(program, ARCHITECTURES[machine], number) == ERRNO | EPERM
    assert decide(program, ARCHITECTURES[machine], newest + 1) == ERRNO | ENOSYS


@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_of_all_socket_families_only_unix_is_allowed(
    project: Project, machine: str, call: str
) -> None:
    allowed = [f for f in range(64) if verdict(project, machine, call, f) == ALLOW]
    assert allowed == [1]
    assert verdict(project, machine, call, 1 | 1 << 32) == ERRNO | EPERM


@pytest.mark.parametrize(
    "flag",
    [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000],
    ids=["mount", "cgroup", "uts", "ipc", "user", "pid", "net"],
)
def test_clone_makes_threads_and_no_namespaces(project: Project, machine: str, flag: int) -> None:
    threads = 0x3D0F00
    assert verdict(project, machine, "clone", threads) == ALLOW
    assert verdict(project, machine, "clone", threads | flag) == ERRNO | EPERM
    assert verdict(project, machine, "clone3") == ERRNO | ENOSYS


def test_terminals_cannot_be_typed_into(project: Project, machine: str) -> None:
    tiocsti, fionread = 0x5412, 0x541B
    assert verdict(project, machine, "ioctl", 1, fionread) == ALLOW
    for request in (tiocsti, tiocsti | 1 << 32, fionread | 1 << 32):
        assert verdict(project, machine, "ioctl", 1, request) == ERRNO | EPERM


def test_the_limits_of_another_process_cannot_be_changed(project: Project, machine: str) -> None:
    assert verdict(project, machine, "prlimit64", 0) == ALLOW
    assert verdict(project, machine, "prlimit64", 1) == ERRNO | EPERM


def test_another_calling_convention_ends_the_process(project: Project) -> None:
    program = filter_for(project.root, "x86_64")
    read = NUMBERS["read"][X86_64]
    assert read is not None
    assert decide(program, 0x40000003, read) == KILL
    assert decide(program, ARCHITECTURES["x86_64"], 0x40000000 | read) == KILL


def test_a_processor_without_a_filter_is_refused_in_words(project: Project) -> None:
    with pytest.raises(NoSandboxError, match=r"this machine is riscv64.*Use Docker"):
        filter_for(project.root, "riscv64")


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"), "must be refused"),
        (('"futex"', '"io_uring_setup"'), "does not know io_uring_setup"),
        (("SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"), "SCMP_CMP_NE"),
        (('"comment"', '"remark"'), "remark"),
    ],
)
def test_a_profile_that_cannot_be_held_to_is_refused(
    project: Project, tmp_path: Path, spoilt: tuple[str, str], complaint: str
) -> None:
    profile_path(tmp_path).parent.mkdir()
    profile_path(tmp_path).write_text(profile_text(project.root).replace(*spoilt, 1))
    with pytest.raises(GraderError, match=complaint):
        profile_text(tmp_path)


def test_a_rule_that_names_a_call_twice_is_decided_by_the_first_that_fits() -> None:
    text = """{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": [
        {"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
         "args": [{"index": 1, "value": 7, "op": "SCMP_CMP_EQ"},
                  {"index": 5, "value": 9, "op": "SCMP_CMP_EQ"}]},
        {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW"}]}"""
    program = compile_filter(msgspec.json.decode(text, type=SeccompProfile), "x86_64")
    ioctl = NUMBERS["ioctl"][X86_64]
    assert ioctl is not None
    architecture = ARCHITECTURES["x86_64"]
    assert decide(program, architecture, ioctl, 0, 7, 0, 0, 0, 9) == ERRNO | 5
    assert decide(program, architecture, ioctl, 0, 7) == ALLOW
    assert decide(program, architecture, ioctl, 0, 8, 0, 0, 0, 9) == ALLOW


def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not here")
    text = header.read_text()
    numbers = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    for m in re.finditer(r"#define __NR_(\w+) __NR3264_(\w+)", text):
        if m[2] in numbers:
            numbers.setdefault(m[1], numbers[m[2]])
    for name, both in NUMBERS.items():
        # The newest may be younger than the headers.
        assert numbers.get(name, both[COLUMNS[machine]]) == both[COLUMNS[machine]], name


@pytest.mark.skipif(platform.machine() not in ARCHITECTURES, reason="no filter for this processor")
def test_the_kernel_takes_the_filter_and_holds_to_it(project: Project) -> None:
    program = filter_for(project.root)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, _under(program).encode())
        finally:
            os._exit(0)
    os.close(writable)
    assert os.waitpid(child, 0)[1] == 0
    with os.fdopen(readable) as result:
        assert result.read() == "unix: ok, inet: 1, vsock: 1, keyctl: 1, fork: ok"


def _under(program: bytes) -> str:
    import socket

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    loaded = Program(len(program) // 8, program)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(loaded)) == 0

    def tried(family: int) -> str:
        try:
            socket.socket(family).close()
        except OSError as error:
            return str(error.errno)
        return "ok"

    keyctl = {"x86_64": 250, "aarch64": 219}[platform.machine()]
    refused = "ok" if libc.syscall(keyctl, 0, -3, 0) >= 0 else str(ctypes.get_errno())
    child = os.fork()
    if child == 0:
        os._exit(0)
    forked = "ok" if os.waitpid(child, 0)[1] == 0 else "no"
    return (
        f"unix: {tried(socket.AF_UNIX)}, inet: {tried(socket.AF_INET)}, "
        f"vsock: {tried(socket.AF_VSOCK)}, keyctl: {refused}, fork: {forked}"
    )
