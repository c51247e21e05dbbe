# SPDX-License-Identifier: MIT
# playing.py - a daemon on which a voice plays, whatever else is asked of it.
import unittest

from harness import Daemon, sine, until, wav


class WhilePlaying(unittest.TestCase):
    """One daemon for all, on which voice 1 plays without end."""

    CONFIG = ""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(udp=True, config=cls.CONFIG)
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
