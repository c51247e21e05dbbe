#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_resume.py - after a crash the daemon goes on with what it did: loops where they would be by now, what waits for
# its time, ids and names; and whatever is wrong with the journal or its disk, it plays on and says so.
import os
import signal
import time
import unittest

from harness import PATIENCE_S, Daemon, osc, sine, until, wav

RATE = 48000
LOOP_S = 10.0  # of the longest sound: no test takes so long that a position could be one of another pass
NEAR_S = 0.05  # between this program's clock and a position that was asked for; on a loaded machine


class Life(Daemon):
    """A daemon that keeps its state, and whose folder outlives it."""

    def __init__(self, *options, config="", **more):
        super().__init__(*options, config="", **more)
        os.mkdir(self.path("state"))
        self.write("chimed.conf", f"[paths]\nsound_folder = {self.sounds}\nstate_folder = {self.path('state')}\n{config}\n")
        self.sound("long.wav", wav(sine(int(LOOP_S * RATE))))
        self.sound("short.wav", wav(sine(RATE // 10)))

    def state(self, name="journal"):
        return self.path(os.path.join("state", name))

    def end(self, by):
        for client in self.clients:
            client.close()
        self.clients = []
        self.process.send_signal(by)
        self.process.wait(PATIENCE_S)

    def crash(self):
        self.end(signal.SIGKILL)

    def start(self):
        super().start()
        return self.client()

    def kept(self, client):
        """Waits until all that has been done so far is on the disk."""
        written = client.status()["journal_written"]
        until(lambda: client.status()["journal_written"] > written, "the journal")

    def resumed(self, client):
        return until(lambda: (s := client.status())["journal"] not in ("resuming",) and s, "the resume")


def voices(client):
    """What a dump says of each voice, and when: {id: ({key: value}, time)}."""
    began = time.monotonic()
    n, _ = client.do("/dump")
    when = (began + time.monotonic()) / 2
    found = {}
    for m in [m for m in client.seen if m[0] == "/play"]:
        keys = dict(zip(m[2::2], m[3::2]))
        found[keys["id"]] = ({"sound": m[1], **keys}, when)
    client.seen.clear()
    return found


class Resume(unittest.TestCase):
    def setUp(self):
        self.life = Life()
        self.addCleanup(self.life.remove)
        self.client = self.life.start()

    def restart(self, by=signal.SIGKILL):
        self.life.end(by)
        self.client = self.life.start()
        return self.life.resumed(self.client)

    def assert_went_on(self, before, after, rate, loop=(0.0, LOOP_S)):
        """One and the same voice, some time later."""
        (b, then), (a, now) = before, after
        first, last = loop
        expected = first + (b["start"] - first + (now - then) * rate) % (last - first)
        off = (a["start"] - expected + (last - first) / 2) % (last - first) - (last - first) / 2
        self.assertLess(abs(off), NEAR_S * abs(rate), (before, after))

    def test_loops_go_on_where_they_would_be(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/bus/new", "music")
        self.client.do("/bus/set", "music", "gain", -6.0, "mute", 1)
        self.client.do("/play", "tone", "id", 1, "loop", 1, "gain", -12.0, "bus", "music")
        self.client.do("/play", "tone", "id", "back", "loop", 1, "rate", -0.5, "pan", 0.25)
        self.client.do("/play", "long.wav", "loop", 1, "rate", 2.0, "loop_start", 1.0, "loop_end", 9.0)
        self.client.do("/play", "tone", "id", 4)
        self.life.kept(self.client)
        before = voices(self.client)
        status = self.restart()
        self.assertEqual((status["resumed_sounds"], status["resumed_voices"], status["resumed_lost"]), (2, 3, 0),
                         self.life.stderr())
        until(lambda: len(voices(self.client)) == 3, "the loops")
        after = voices(self.client)
        self.assertEqual(set(after), {1, "back", 1000000})
        self.assert_went_on(before[1], after[1], 1.0)
        self.assert_went_on(before["back"], after["back"], -0.5)
        self.assert_went_on(before[1000000], after[1000000], 2.0, (1.0, 9.0))
        self.assertEqual((after[1][0]["gain"], after[1][0]["bus"], after["back"][0]["pan"]), (-12.0, "music", 0.25))
        music = self.client.buses()["music"]
        self.assertEqual((music["gain"], music["mute"]), (-6.0, 1))


if __name__ == "__main__":
    unittest.main()
