#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_unit_filter.py - the daemon and its decoder live under the system call filters of the units, without any right.
"""Needs CHIMED_BUILD_DIR. The filters are read from the units and made with libseccomp, as the service manager does."""
import ctypes
import os
import re
import subprocess
import sys
import unittest

from harness import Daemon, sine, wav

UNITS = "systemd/chimed.service", "systemd/chimed@.service", "systemd/user/chimed.service"
ALLOW, EPERM = 0x7FFF0000, 0x00050001
PR_SET_MDWE, MDWE = 65, 1  # Linux 6.3: what MemoryDenyWriteExecute=yes is made of, nearly


def calls_of(name):
    """The system calls of a set of systemd's, or the one of this name."""
    if not name.startswith("@"):
        return {name}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    words = [line.strip() for line in lines[1:] if line.startswith("    ") and not line.strip().startswith("#")]
    return set().union(*map(calls_of, words)) if words else set()


def allowed(unit):
    with open(os.path.join(os.environ["CHIMED_BUILD_DIR"], unit), encoding="utf-8") as file:
        lines = re.findall(r"(?m)^SystemCallFilter=(~?)(.*)$", file.read())
    calls = set()
    for minus, names in lines:
        some = set().union(*map(calls_of, names.split()))
        calls = calls - some if minus else calls | some
    return calls


def shut_in(calls):
    """What is called in the daemon before it begins."""
    seccomp, libc = ctypes.CDLL("libseccomp.so.2"), ctypes.CDLL(None)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    numbers = [seccomp.seccomp_syscall_resolve_name(name.encode()) for name in calls]

    def act():
        context = ctypes.c_void_p(seccomp.seccomp_init(EPERM))
        for number in numbers:
            if number >= 0:
                assert seccomp.seccomp_rule_add(context, ALLOW, number, 0) == 0
        libc.prctl(PR_SET_MDWE, MDWE, 0, 0, 0)  # an older kernel has none
        assert seccomp.seccomp_load(context) == 0
    return act


class UnitFilter(unittest.TestCase):
    def test_units(self):
        for unit in UNITS:
            with self.subTest(unit):
                calls = allowed(unit)
                self.assertGreater(len(calls), 200)
                self.assertNotIn("reboot", calls)
                self.check(shut_in(calls))

    def check(self, act):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.preload = {}  # the guard makes calls of its own
        with open(daemon.path("stderr"), "ab") as stderr:
            daemon.process = subprocess.Popen([daemon.program, *daemon.options], env=daemon.environment, stderr=stderr,
                                              cwd=daemon.folder, preexec_fn=act)
        daemon.wait_until_up()
        client = daemon.client()
        source = daemon.sound("a.wav", wav(sine(4800), rate=44100))
        client.do("/sound/load", "a", source)
        for kind in "flac", "ogg", "mp3":
            path = os.path.join(daemon.sounds, f"a.{kind}")
            subprocess.run(["sndfile-convert", source, path], check=True, capture_output=True)
            client.do("/sound/load", kind, path)
            client.do("/play", kind)
        answer = client.call("/sound/load", "b", daemon.sound("b.wav", "no sound"))
        self.assertEqual(answer[2], "bad_sound")
        client.do("/sync", 1)
        daemon.stop()


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
