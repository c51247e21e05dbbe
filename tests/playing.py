# SPDX-License-Identifier: MIT
# playing.py - daemons that the end-to-end tests share: to play on, and one on which a voice plays whatever else is
# asked of it.
import unittest

from harness import Daemon, sine, until, wav

RATE = 48000


def seconds(n, hz=440.0):
    return wav(sine(round(n * RATE), hz))


class Playing(unittest.TestCase):
    """One daemon for all, with a sound of 10 s that is loaded as `long` and one of 50 ms, `short`."""

    OPTIONS, CONFIG = (), ""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.OPTIONS, config=cls.CONFIG, udp=True)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        client = cls.daemon.client()
        client.do("/sound/load", "long", cls.daemon.sound("long.wav", seconds(10)))
        client.do("/sound/load", "short", cls.daemon.sound("short.wav", seconds(0.05)))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def setUp(self):
        self.client = self.daemon.client()
        self.chime = self.daemon.chime

    def tearDown(self):
        self.client.do("/stop", "all")
        until(lambda: not self.client.voices(), "silence")
        self.client.close()

    def done(self, *words):
        """The lines that chime prints."""
        result = self.chime(*words)
        self.assertEqual((result.returncode, result.stderr), (0, ""), words)
        return result.stdout.splitlines()

    def refused(self, code, *words):
        result = self.chime(*words)
        self.assertEqual(result.returncode, 1, words)
        self.assertIn(f"({code})", result.stderr)

    def level(self, bus="master"):
        """RMS of the left side of a bus, in dB, over a window that began after this call: what is told may be a window
        old, and was measured over a window."""
        frames = self.client.status()["frames"]
        until(lambda: self.client.status()["frames"] > frames + 3 * RATE // 10 + 2048, "three windows of the meters")
        return self.client.buses()[bus]["rms_left"]


class WhilePlaying(unittest.TestCase):
    """One daemon for all, on which voice 1 plays without end."""

    CONFIG, ENVIRONMENT = "", {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(udp=True, config=cls.CONFIG, environment=cls.ENVIRONMENT)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.good = cls.daemon.sound("good.wav", wav(sine(4800)))
        cls.listener = cls.daemon.client()
        cls.listener.do("/play", cls.good, "id", 1, "loop", 1, "notify", 1)
        assert cls.listener.receive() == ["/started", 1]

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()  # with its checks; after a failure of setUpClass only the clean-up runs

    def setUp(self):
        self.client = self.daemon.client()

    def tearDown(self):
        """It is there, and what played still sounds."""
        self.assertEqual(self.client.voices(), {1: {
            "sound": self.good, "bus": "master", "gain": 0.0, "pan": 0.0, "rate": 1.0, "state": "playing"}})
        frames = self.client.status()["frames"]
        until(lambda: self.client.status()["frames"] > frames + 9600, "two windows of the meters")
        self.assertGreater(self.client.buses()["master"]["rms_left"], -13)
        self.assertIsNone(self.listener.receive(0))
        self.client.close()

    def refused(self, code, says, path, *args, fds=()):
        answer = self.client.call(path, *args, fds=fds)
        self.assertEqual(answer[:3], ["/error", path[:255], code], (args, answer))
        self.assertIn(says, answer[3])
        self.assertNotIn("\n", answer[3])
