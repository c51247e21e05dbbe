#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_no_memory.py - loads whose i-th request of the system is refused, for every i: the daemon answers and goes on.
import mmap
import os
import resource
import struct
import subprocess
import sys
import unittest

from harness import Daemon, until, wav

LAYOUT = struct.Struct("qqqq32s32s")  # of struct shared in fail_nth.c
NOISE = [(i * 7919 + i * i * 31) % 20001 - 10000 for i in range(20000)]
CODES = {"internal", "bad_sound", "refused"}
STEP = 16 << 10  # bytes


class FailNth:
    """The file that is shared with the library."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(LAYOUT.size))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), LAYOUT.size)
        self.refuse(-1)

    def refuse(self, i):
        """Forgets all that was seen, but for what is live."""
        struct.pack_into("qqq", self.map, 0, -1, 0, 0)
        self.map[32:96] = bytes(64)
        struct.pack_into("q", self.map, 0, i)

    def read(self, i):
        return LAYOUT.unpack(self.map)[i]

    n_seen, n_refused, n_live = (property(lambda self, i=i: self.read(i)) for i in (1, 2, 3))
    what = property(lambda self: " for ".join(self.read(i).split(b"\0")[0].decode() for i in (4, 5)))


class Load(unittest.TestCase):
    """What both below do."""

    def setUp(self):
        self.daemon = Daemon("--debug-memory", config="[engine]\nsound_memory = 16\n")
        self.addCleanup(self.daemon.remove)
        self.shared = FailNth(self.daemon.path("fail_nth"))
        self.daemon.preload = {}  # the guard has functions of the same names
        self.daemon.environment.update(LD_PRELOAD=os.environ["CHIMED_FAIL_NTH"], FAIL_NTH=self.daemon.path("fail_nth"))
        self.client = self.daemon.start().client()
        self.addCleanup(self.client.close)

    def fds(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def store(self):
        """What a load may leave nothing of: bytes, sounds and loads in use."""
        self.client.do("/memory")
        bytes_used = {m[1]: m[4] for m in self.client.seen if m[0] == "/memory/region"}
        blocks_used = {m[1]: m[2] for m in self.client.seen if m[0] == "/memory/pool"}
        self.client.seen = []
        return bytes_used["sounds"], blocks_used["sounds"] + blocks_used["loads"]

    def load(self, path, i=-1):
        """The answer to a load whose i-th request is refused; whatever it made is gone when this returns."""
        self.shared.refuse(i)
        answer = self.client.call("/sound/load", "x", path)
        self.client.settle()
        n = self.shared.n_seen, self.shared.n_refused, self.shared.what
        self.shared.refuse(-1)
        if answer[0] == "/done":
            self.client.do("/sound/unload", "x")
        until(lambda: self.store()[0] == 0, f"the store is empty after request {i}")
        return answer, *n

    def make(self, name, data=None, source=None):
        path = self.daemon.sound(name, data or b"")
        if source:
            subprocess.run(["sndfile-convert", self.daemon.sound("source.wav", source), path], check=True,
                           stdout=subprocess.DEVNULL)
        return path

class NoMemory(Load):
    """One request of the worker's refused, and one only."""

    def refuse_each(self, path):
        """Returns the functions that were refused, each with who had asked, and the number of requests."""
        self.load(path)  # what libraries keep for ever is made now
        whole, *_ = self.load(path)
        n_live, fds = self.shared.n_live, self.fds()
        refused, i = set(), 0
        while True:
            answer, _, n_refused, what = self.load(path, i)
            about = f"{os.path.basename(path)}, request {i} ({what}): {answer}"
            if n_refused == 0:
                self.assertEqual(answer, whole)
                return refused, i
            refused.add(what)
            self.assertTrue(answer == whole or answer[0] == "/error" and answer[2] in CODES and answer[3], about)
            self.load(path)  # there is a process that waits again
            self.assertEqual((self.shared.n_live, self.fds(), self.store()), (n_live, fds, (0, 0)), about)
            i += 1

    def check(self, path, *functions):
        refused, n = self.refuse_each(path)
        self.assertLessEqual({f"{function} for chimed" for function in functions}, refused)
        self.assertGreater(n, 10)
        self.daemon.stop()

    def test_load(self):
        self.check(self.make("a.wav", wav(NOISE, 2)), "openat2", "fstat", "memfd_create", "socketpair", "posix_spawn",
                   "sendmsg", "poll", "recv", "pread", "mprotect", "mlock")

    def test_resampled(self):
        self.check(self.make("a.wav", wav(NOISE, rate=44100)), "posix_spawn", "sendmsg")

    def test_cut_short(self):
        self.check(self.make("a.wav", wav(NOISE, 2)[:20000]), "posix_spawn", "sendmsg")


class NoRoom(Load):
    """Really none: the kernel refuses, also what careless libraries ask for."""

    def decoder(self):
        """The process that waits, once it is shut in."""
        pids = []
        for task in os.listdir(f"/proc/{self.daemon.process.pid}/task"):
            with open(f"/proc/{self.daemon.process.pid}/task/{task}/children", encoding="ascii") as file:
                pids += file.read().split()
        pid, = map(int, pids)
        until(lambda: self.says(pid, "Seccomp") == 2, "its filter")
        return pid

    @staticmethod
    def says(pid, key):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(key + ":")), 0)

    def limit(self, pid, n_bytes):
        """Private memory that may be written, from now on."""
        _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
        resource.prlimit(pid, resource.RLIMIT_DATA, (n_bytes, hard))

    def load_with(self, path, room):
        """With so much for its decoder, beside what that has already."""
        pid = self.decoder()
        self.limit(pid, self.says(pid, "VmData") * 1024 + room)
        return self.load(path)[0]

    def sweep(self, path, n_at_least=0):
        """Ever more room until the load succeeds; for some the heap of a process that has just begun will do."""
        answers = []
        while not answers or answers[-1][0] != "/done":
            answers.append(self.load_with(path, len(answers) * STEP))
            self.assertIn(answers[-1][0], ("/done", "/error"))
            self.assertLess(len(answers), 1024)
        self.assertGreater(len(answers), n_at_least)
        for answer in answers[:-1]:
            self.assertEqual(answer[2], "bad_sound", answer)
            self.assertIn(": needs more than 64 MiB of memory to be decoded", answer[3])
        self.assertEqual(self.load(path)[0], answers[-1])
        self.assertEqual(self.store(), (0, 0))
        self.daemon.stop()

    def test_wav(self):
        self.sweep(self.make("a.wav", wav(NOISE, 2)))

    def test_resampled(self):
        self.sweep(self.make("a.wav", wav(NOISE, rate=44100)), 3)

    def test_flac(self):
        self.sweep(self.make("a.flac", source=wav(NOISE)))

    def test_mp3(self):
        self.sweep(self.make("a.mp3", source=wav(NOISE)))

    def test_vorbis(self):
        self.sweep(self.make("a.ogg", source=wav(NOISE * 5, rate=44100)), 10)

    def test_opus(self):
        self.sweep(self.make("a.opus", source=wav(NOISE)))

    def test_daemon(self):
        """None for the daemon itself."""
        path, pid = self.make("a.wav", wav(NOISE, 2)), self.daemon.process.pid
        whole, *_ = self.load(path)
        answers = []
        while not answers or answers[-1][0] != "/done":
            self.limit(pid, self.says(pid, "VmData") * 1024 + len(answers) * STEP)
            answers.append(self.load(path)[0])
            self.assertLess(len(answers), 1024)
        self.assertLessEqual({a[2] for a in answers[:-1]}, CODES)
        self.limit(pid, resource.RLIM_INFINITY)
        self.assertEqual(self.load(path)[0], whole)
        self.assertEqual(self.store(), (0, 0))
        self.daemon.stop()


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
