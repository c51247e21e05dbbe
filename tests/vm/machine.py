# SPDX-License-Identifier: MIT
# machine.py - what the guest scripts in Python share: programs in memory, a clock that leaps, checks.
"""Import it before harness.py: it says where the programs are."""
import contextlib
import glob
import os
import re
import signal
import subprocess
import sys

BUILD = os.environ["BUILD"]
DECODE, GUARD = f"{BUILD}/engine/chimed-decode", f"{BUILD}/tests/librt_guard.so"
for name, program in ("CHIMED", f"{BUILD}/engine/chimed"), ("CHIME", f"{BUILD}/clients/chime"), ("CHIMED_RT_GUARD", GUARD):
    os.environ.setdefault(name, program)  # under systemd those that are installed
JACK_DRIVER, = glob.glob("/usr/lib/*/jack/jack_alsa.so")
CONFIGURATION = ["/etc/passwd", "/etc/group", "/etc/ld.so.cache", *glob.glob("/usr/share/alsa/**", recursive=True)]
n_failed = 0


def into_memory(*programs):
    """Copies them, their libraries and what this script is made of into the guest's own memory: while a file of the
    host's is read the guest's clock leaps on."""
    modules = {module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    with open("/proc/self/maps", encoding="ascii") as maps:
        mapped = set(re.findall(r"(/\S+)\n", maps.read()))
    ldd = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
    for file in modules | mapped | {*programs, *CONFIGURATION, *re.findall(r"(/\S+) \(", ldd.stdout)}:
        real = os.path.realpath(file)
        if os.path.isfile(real):
            os.utime(real)  # the upper layer takes a copy


@contextlib.contextmanager
def fast_forward():
    awake = int(os.environ["AWAKE"])
    os.kill(awake, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(awake, signal.SIGCONT)


@contextlib.contextmanager
def check(text):
    """A line of the report: what the block raises makes the script fail, and it goes on."""
    global n_failed
    try:
        yield
        print(f"ok - {text}")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"not ok - {text}: {error}")
        n_failed += 1
    sys.stdout.flush()


def expect(is_true, what):
    if not is_true:
        raise AssertionError(what)


def fails(function, *arguments):
    """Raises unless this raises."""
    try:
        function(*arguments)
    except AssertionError:
        return
    raise AssertionError(f"{function.__name__} does not fail")


def end():
    sys.exit(n_failed > 0)
