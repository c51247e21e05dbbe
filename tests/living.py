# SPDX-License-Identifier: MIT
# living.py - daemons that keep their state in a folder that outlives them, and what the tests of that share.
import os
import signal
import time
import unittest

from harness import PATIENCE_S, Daemon, sine, until, wav

RATE = 48000
LOOP_S = 10.0  # of the longest sound
NEAR_S = 0.05  # between this program's clock and a position that was asked for; on a loaded machine


class Life(Daemon):
    """A daemon that keeps its state, in a folder that outlives it."""

    def __init__(self, *options, config="", **more):
        super().__init__(*options, **more)
        os.mkdir(self.path("state"))
        self.configure(config)
        self.sound("long.wav", wav(sine(int(LOOP_S * RATE))))
        self.sound("short.wav", wav(sine(RATE // 10)))

    def configure(self, config):
        self.write("chimed.conf", f"[paths]\nsound_folder = {self.sounds}\nstate_folder = {self.path('state')}\n{config}\n")

    def state(self, name="journal"):
        return self.path(os.path.join("state", name))

    def end(self, by=signal.SIGKILL):
        for client in self.clients:
            client.close()
        self.clients = []
        if by:
            self.process.send_signal(by)
        code = self.process.wait(PATIENCE_S)
        return code

    def begin(self):
        self.start()
        return self.client()


def resumed(client):
    """The status, once the resume is over."""
    return until(lambda: (s := client.status())["journal"] != "resuming" and s, "the resume")


def kept(client):
    """Waits until the disk has all that has been done so far: the first write may be one that was under way, the second
    has begun behind it."""
    client.call("/bus/new", "kept")
    for _ in range(2):
        client.do("/bus/set", "kept", "pan", kept.pan)
        kept.pan = -kept.pan
        written = client.status()["journal_written"]
        until(lambda: client.status()["journal_written"] > written, "the journal")


kept.pan = 0.5


def dump(client):
    """What a dump says of each voice, and when: {id: ({key: value}, time)}."""
    began = time.monotonic()
    client.do("/dump")
    when = (began + time.monotonic()) / 2
    found = {}
    for message in client.seen:
        if message[0] == "/play":
            keys = dict(zip(message[2::2], message[3::2]))
            found[keys["id"]] = ({"sound": message[1], **keys}, when)
    client.seen.clear()
    return found


class Living(unittest.TestCase):
    CONFIG = ""

    def setUp(self):
        self.life = Life(config=self.CONFIG)
        self.addCleanup(self.life.remove)
        self.client = self.life.begin()

    def restart(self, by=signal.SIGKILL):
        self.life.end(by)
        self.client = self.life.begin()
        return resumed(self.client)

    def assert_resumed(self, status, sounds, n_voices, scheduled=0, lost=0):
        seen = tuple(status["resumed_" + name] for name in ("sounds", "voices", "scheduled", "lost"))
        self.assertEqual(seen, (sounds, n_voices, scheduled, lost), self.life.stderr())

    def voices(self, n):
        """The dump, when `n` voices are under way."""
        return until(lambda: len(found := dump(self.client)) == n and found, f"{n} voices")

    def assert_went_on(self, before, after, rate, loop=(0.0, LOOP_S)):
        """One and the same voice, some time later."""
        (b, then), (a, now) = before, after
        first, last = loop
        expected = first + (b["start"] - first + (now - then) * rate) % (last - first)
        off = (a["start"] - expected + (last - first) / 2) % (last - first) - (last - first) / 2
        self.assertLess(abs(off), NEAR_S * abs(rate), (before, after))
