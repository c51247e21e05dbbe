#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_journal.py - whatever is wrong with the journal or with its disk, the daemon plays on and says so.
import os
import shutil
import signal
import struct
import subprocess
import time
import unittest

from harness import until
from living import RATE, Life, Living, kept, resumed

STALL_DISK = os.environ.get("CHIMED_STALL_DISK", "")


class Damage(Living):
    def spoil(self, change):
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        kept(self.client)
        self.life.end()
        with open(self.life.state(), "rb") as file:
            data = bytearray(file.read())
        with open(self.life.state(), "wb") as file:
            file.write(change(data))
        self.client = self.life.begin()
        status = resumed(self.client)
        self.assertEqual(status["journal_set_aside"], "damaged")
        self.assertEqual(self.client.voices(), {})
        self.assertTrue(os.path.exists(self.life.state("journal.damaged")))
        self.assertIn("set aside as journal.damaged", self.life.stderr())
        return self.life.stderr()

    def test_truncated(self):
        self.assertIn("its length is wrong", self.spoil(lambda data: data[:-7]))

    def test_empty(self):
        self.assertIn("it is too short", self.spoil(lambda data: b""))

    def test_a_bit(self):
        self.assertIn("its records are damaged", self.spoil(lambda data: data[:200] + bytes([data[200] ^ 4]) + data[201:]))

    def test_another_version(self):
        self.assertIn("another version", self.spoil(lambda data: data[:8] + struct.pack(">I", 2) + data[12:]))

    def test_rubbish(self):
        self.assertIn("it is no journal", self.spoil(lambda data: os.urandom(100000)))

    def test_huge(self):
        self.assertIn("longer than", self.spoil(lambda data: data + b"\0" * (1 << 24)))

    def test_and_then_it_goes_on(self):
        self.spoil(lambda data: data[:-1])
        self.client.do("/play", "long.wav", "id", 2, "loop", 1)
        kept(self.client)
        self.assert_resumed(self.restart(), 1, 1)


def mount_first(life, mounts):
    """The daemon is started by a shell that makes these mounts, which nobody else sees."""
    preload = life.preload.pop("LD_PRELOAD", "")
    script = f"{mounts} && LD_PRELOAD='{preload}' exec {life.program} \"$@\""
    life.options = ["-m", "sh", "-c", script, "sh", *life.options]
    life.program = shutil.which("unshare")


MAY_MOUNT = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(MAY_MOUNT, "needs the right to mount: run as root")
class BadDisk(Living):
    """On a file system of the daemon's own."""

    def setUp(self):
        self.life = Life()
        self.addCleanup(self.life.remove)
        mount_first(self.life, f"mount -t tmpfs -o size=64k,mode=755 none {self.life.path('state')}")
        self.client = self.life.begin()

    def inside(self, *command):
        subprocess.run(["nsenter", "-t", str(self.life.process.pid), "-m", *command], check=True)

    def state(self, name):
        return f"/proc/{self.life.process.pid}/root{self.life.state(name)}"

    def expect_failing(self, why):
        """Told once, shown, and nothing else is disturbed."""
        status = until(lambda: (s := self.client.status())["journal"] == "failing" and s["health"] == "degraded" and s,
                       "the failure")
        self.assertEqual(status["health_why"], f"the state is not kept for a start after a crash: {why}")
        self.assertGreaterEqual(status["journal_failures"], 1)
        self.assertEqual(self.client.voices()[1]["state"], "playing")
        return status

    def expect_healed(self):
        until(lambda: (s := self.client.status())["journal"] == "kept" and s["health"] != "degraded" and s, "health", 30)
        said = self.life.stderr()
        self.assertEqual((said.count("the state cannot be kept"), said.count("is kept in")), (1, 1), said)

    def test_full(self):
        other = os.open(self.state("other"), os.O_WRONLY | os.O_CREAT)
        with self.assertRaises(OSError):
            while True:
                os.write(other, b"x" * 4096)
        os.close(other)
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        self.expect_failing("No space left on device")
        self.assertEqual(os.listdir(self.state("")), ["other"])
        os.unlink(self.state("other"))
        self.expect_healed()
        self.assertEqual(set(os.listdir(self.state(""))), {"journal"})

    def test_read_only(self):
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        kept(self.client)
        self.inside("mount", "-o", "remount,ro", self.life.path("state"))
        self.client.do("/bus/new", "b")
        self.expect_failing("Read-only file system")
        self.inside("mount", "-o", "remount,rw", self.life.path("state"))
        self.expect_healed()

    def test_vanished(self):
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        kept(self.client)
        self.inside("umount", self.life.path("state"))
        self.inside("rmdir", self.life.path("state"))
        self.inside("sh", "-c", f": > {self.life.path('state')}")
        self.client.do("/bus/new", "b")
        self.expect_failing("Not a directory")
        self.inside("rm", self.life.path("state"))
        self.expect_healed()
        self.assertTrue(os.path.exists(self.life.state()))


@unittest.skipUnless(MAY_MOUNT, "needs the right to mount: run as root")
class ReadOnlyFromTheStart(Living):
    def test_it_resumes_all_the_same(self):
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        kept(self.client)
        before, state = self.voices(1), self.life.path("state")
        self.life.end()
        mount_first(self.life, f"mount --bind {state} {state} && mount -o remount,bind,ro {state}")
        self.client = self.life.begin()
        self.assert_resumed(resumed(self.client), 1, 1)
        self.assert_went_on(before[1], self.voices(1)[1], 1.0)
        self.client.do("/bus/new", "b")
        until(lambda: "Read-only file system" in self.client.status()["health_why"], "the verdict")
        self.assertIn("cannot be written to", self.life.stderr())


@unittest.skipUnless(STALL_DISK, "needs the library that hangs fsync()")
class StalledDisk(unittest.TestCase):
    def setUp(self):
        self.life = Life(preload=STALL_DISK)
        self.addCleanup(self.life.remove)
        self.stall = self.life.path("stall")
        self.life.environment["CHIMED_STALL_DISK"] = self.stall
        self.client = self.life.begin()
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        kept(self.client)

    def hang(self):
        self.life.write("stall", b"")

    def test_it_disturbs_nothing(self):
        self.hang()
        self.client.do("/bus/new", "b")
        before, slowest, deadline = self.client.status(), 0, time.monotonic() + 8
        while time.monotonic() < deadline:
            began = time.monotonic()
            self.client.do("/bus/set", "b", "gain", -10 * (began % 1))
            self.client.voices()
            slowest = max(slowest, time.monotonic() - began)
        during = self.client.status()
        self.assertEqual((during["journal"], during["health"]), ("stalled", "degraded"))
        self.assertIn("its disk hangs", during["health_why"])
        self.assertEqual(during["journal_written"], before["journal_written"])
        self.assertLess(slowest, 1)  # far below the time that the disk takes
        self.assertGreater(during["frames"] - before["frames"], 7 * RATE)
        os.unlink(self.stall)
        # One write was under way, and what has changed since is written next: nothing has piled up.
        until(lambda: (s := self.client.status())["journal"] == "kept" and
              s["journal_written"] >= before["journal_written"] + 2, "the disk")
        self.assertEqual(self.life.stderr().count("hangs"), 2)  # the line of the log, and that of health
        self.life.end()
        self.client = self.life.begin()
        self.assertEqual(resumed(self.client)["resumed_voices"], 1)

    def test_it_ends_in_time(self):
        for by in signal.SIGTERM, signal.SIGINT:
            with self.subTest(by):
                self.hang()
                self.client.do("/bus/new", f"b{by}")
                began = time.monotonic()
                self.assertEqual(self.life.end(by), 0)
                self.assertLess(time.monotonic() - began, 4)
                self.assertIn("hangs: the newest state is not kept", self.life.stderr())
                os.unlink(self.stall)
                self.client = self.life.begin()  # with the last state that was written whole, if there is to be one
                self.assertEqual(resumed(self.client)["resumed_voices"], by == signal.SIGTERM)

    def test_it_starts_all_the_same(self):
        self.life.end()
        self.hang()
        self.client = self.life.begin()
        self.assertEqual(self.client.status()["journal"], "resuming")
        self.client.do("/bus/new", "b")
        os.unlink(self.stall)
        self.assertEqual(resumed(self.client)["resumed_voices"], 1)
        until(lambda: self.client.voices()[1]["state"] == "playing", "the loop")


if __name__ == "__main__":
    unittest.main()
