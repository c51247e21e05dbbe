#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_rt_guard.py - shows that the guard catches each thing that it is there for, and nothing else.
"""Needs CHIMED_RT_GUARD (the library) and CHIMED_RT_MISBEHAVE (the program that does the deeds)."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

GUARD = os.environ["CHIMED_RT_GUARD"]
MISBEHAVE = os.environ["CHIMED_RT_MISBEHAVE"]

FUNCTIONS = """malloc calloc realloc free posix_memalign aligned_alloc mmap munmap mprotect open openat read write
printf fprintf puts pthread_mutex_lock pthread_cond_wait sem_wait nanosleep clock_nanosleep poll""".split()


class Guard(unittest.TestCase):
    def run_deed(self, where, how, preload=True):
        with tempfile.NamedTemporaryFile("r") as report:
            env = dict(os.environ, CHIMED_GUARD_REPORT=report.name)
            if preload:
                env["LD_PRELOAD"] = GUARD
            result = subprocess.run([MISBEHAVE, where, how], env=env, stdin=subprocess.DEVNULL, text=True,
                                    capture_output=True, timeout=60, check=False)
            return result, dict(line.split() for line in report)

    def assert_caught(self, where, how, message):
        result, report = self.run_deed(where, how)
        self.assertEqual(result.returncode, -signal.SIGABRT, f"{where} {how}: {result}")
        self.assertIn(message, result.stderr)
        self.assertEqual(report, {}, f"{where} {how}: a report after a violation")

    def test_every_function_is_caught_inside(self):
        for name in FUNCTIONS:
            with self.subTest(name):
                self.assert_caught("inside", name, f"rt_guard: {name} called in the real-time section")

    def test_every_function_is_let_through_outside(self):
        # Those that lead to a system call which no driver needs are the next test's.
        for name in set(FUNCTIONS) - {"mmap", "mprotect", "open", "openat", "printf", "puts"}:
            with self.subTest(name):
                if name == "pthread_cond_wait":
                    continue  # waits for ever
                result, report = self.run_deed("outside", name)
                self.assertEqual(result.returncode, 0, f"{name}: {result}")
                self.assertEqual(report["cycles"], "1000")

    def test_system_calls_are_caught_on_the_audio_thread(self):
        for name in "getppid", "mmap", "mprotect", "openat":
            with self.subTest(name):
                self.assert_caught("outside", name, f"({name}) on the audio thread")

    def test_raw_system_calls_are_caught_inside(self):
        self.assert_caught("inside", "getppid", "(getppid) in the real-time section")
        self.assert_caught("inside", "stat", " in the real-time section")

    def test_allowed_system_calls_are_caught_inside(self):
        _, report = self.run_deed("never", "none")
        if report["dispatch_threads"] == "0":
            self.skipTest("this kernel has no system call user dispatch")
        self.assert_caught("inside", "futex", "(futex) in the real-time section")

    def test_good_threads_pass(self):
        result, report = self.run_deed("never", "none")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual((report["cycles"], report["threads"]), ("1000", "1"))
        self.assertEqual((report["faults_minor"], report["faults_major"]), ("0", "0"))

    def test_page_faults_are_counted(self):
        result, report = self.run_deed("fault", "none")
        self.assertEqual(result.returncode, 0)
        self.assertEqual((report["faults_minor"], report["faults_major"]), ("1", "0"))

    def test_without_the_guard_nothing_is_caught(self):
        result, _ = self.run_deed("inside", "malloc", preload=False)
        self.assertEqual(result.returncode, 3, result)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
