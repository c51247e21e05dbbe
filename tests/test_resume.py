#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_resume.py - after a crash the daemon goes on with what it did: loops where they would be by now, what waits for
# its time, ids and names.
import os
import signal
import time
import unittest

import jack_server
import test_heal
from harness import Daemon, bundle, osc, sine, until, wav
from living import LOOP_S, NEAR_S, RATE, Life, Living, kept, resumed

NTP_OF_1970 = 2208988800


def ntp(seconds):
    """The time tag so many seconds from now."""
    return int((time.time() + seconds + NTP_OF_1970) * 2**32)


class Crash(Living):
    def test_loops_go_on_where_they_would_be(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/bus/new", "music")
        self.client.do("/bus/new", "strings", "music")
        self.client.do("/bus/set", "music", "gain", -6.0, "mute", 1)
        self.client.do("/bus/set", "strings", "solo", 1, "pan", 0.5, "out", 2, "width", 1)
        self.client.do("/play", "tone", "id", 1, "loop", 1, "gain", -12.0, "bus", "strings", "quality", "sinc")
        self.client.do("/play", "tone", "id", "back", "loop", 1, "rate", -0.5, "pan", 0.25)
        number, = self.client.do("/play", "long.wav", "loop", 1, "rate", 2.0, "loop_start", 1.0, "loop_end", 9.0)
        self.client.do("/play", "tone", "id", 4)
        kept(self.client)
        before = self.voices(3)
        self.assert_resumed(self.restart(), 2, 3)
        after = self.voices(3)
        self.assertEqual(set(after), {1, "back", number})
        self.assert_went_on(before[1], after[1], 1.0)
        self.assert_went_on(before["back"], after["back"], -0.5)
        self.assert_went_on(before[number], after[number], 2.0, (1.0, 9.0))
        for voice, key in (1, "gain"), (1, "bus"), (1, "quality"), ("back", "pan"), ("back", "rate"), (number, "loop_end"):
            self.assertEqual(before[voice][0][key], after[voice][0][key], (voice, key))
        buses = self.client.buses()
        self.assertEqual((buses["music"]["gain"], buses["music"]["mute"]), (-6.0, 1))
        self.assertEqual([buses["strings"][k] for k in ("parent", "solo", "pan", "out", "width")], ["music", 1, 0.5, 2, 1])
        # The next id is one that nobody had.
        self.assertGreater(self.client.do("/play", "tone")[0], number)

    def test_loops_keep_their_distance_from_one_another(self):
        """To a frame, and however often."""
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.send(bundle(*(osc("/play", "tone", "id", i, "loop", 1, "start", i * 0.03) for i in range(100))))
        for _ in range(100):
            self.client.answer("/play")
        for _ in range(3):
            kept(self.client)
            self.assert_resumed(self.restart(signal.SIGTERM), 1, 100)
            self.client.do("/pause", "all")  # at one frame, and then they stand still
            until(lambda: {v["state"] for v in self.client.voices().values()} == {"paused"}, "the pause")
            found = self.voices(100)
            for i in range(1, 100):
                distance = (found[i][0]["start"] - found[0][0]["start"]) % LOOP_S
                self.assertLess(abs(distance - i * 0.03), 3.5 / RATE, i)
            self.client.do("/resume", "all")

    def test_passes_are_used_up(self):
        self.client.do("/sound/load", "short", "short.wav")
        self.client.do("/sound/load", "tone", "long.wav")
        began = time.monotonic()
        self.client.do("/play", "short", "id", 1, "loop_count", 80)  # 8 s
        self.client.do("/play", "short", "id", 2, "loop_count", 1000000)
        self.client.do("/play", "tone", "id", 3, "loop_count", 16, "loop_end", 0.5)  # 8 s, and then 9.5 to the end
        kept(self.client)
        before, now = self.voices(3)[2]
        self.assertLess(time.monotonic() - began, 7, "this machine is too slow for this test")
        self.life.end()
        time.sleep(max(0, 9 - (time.monotonic() - began)))
        self.client = self.life.begin()
        self.assert_resumed(resumed(self.client), 2, 2)
        until(lambda: {v["state"] for v in self.client.voices().values()} == {"playing"}, "both")
        self.assertEqual(set(self.client.voices()), {2, 3})
        after, later = self.voices(1)[2]  # voice 3 loops no more
        self.assertAlmostEqual(before["loop_count"] - after["loop_count"], (later - now) * 10, delta=1.5)
        until(lambda: set(self.client.voices()) == {2}, "the end of voice 3", 30)
        self.assertAlmostEqual(time.monotonic() - began, 8 + 9.5, delta=1)

    def test_held_voices_stand_still(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/play", "tone", "id", 1, "paused", 1, "start", 2.5)
        self.client.do("/play", "tone", "id", 2, "loop", 1)
        self.client.do("/pause", 2)
        until(lambda: self.client.voices()[2]["state"] == "paused", "the pause")
        self.client.do("/seek", 2, 7.25)
        kept(self.client)
        self.assert_resumed(self.restart(), 1, 2)
        after = self.voices(2)
        self.assertEqual((after[1][0]["start"], after[1][0]["loop"], after[1][0]["paused"]), (2.5, 0, 1))
        self.assertEqual((after[2][0]["start"], after[2][0]["loop"], after[2][0]["paused"]), (7.25, 1, 1))

    def test_a_seek_is_news(self):
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        until(lambda: self.client.voices()[1]["state"] == "playing", "the voice")
        kept(self.client)
        before = self.voices(1)
        written = self.client.status()["journal_written"]
        self.client.do("/seek", 1, (before[1][0]["start"] + 5) % LOOP_S)
        until(lambda: self.client.status()["journal_written"] > written, "the journal")
        before = self.voices(1)
        self.restart()
        self.assert_went_on(before[1], self.voices(1)[1], 1.0)

    def test_nothing_is_written_when_nothing_is_news(self):
        self.client.do("/sound/load", "short", "short.wav")
        self.client.do("/play", "short", "id", 7, "paused", 1)
        kept(self.client)
        written = self.client.status()["journal_written"]
        for _ in range(30):
            self.client.do("/play", "short")
            time.sleep(0.1)
        self.assertEqual(self.client.status()["journal_written"], written)

    def test_no_more_than_once_a_second(self):
        self.client.do("/bus/new", "b")
        kept(self.client)
        began, written = time.monotonic(), self.client.status()["journal_written"]
        for i in range(150):
            self.client.do("/bus/set", "b", "gain", -i / 10)
            time.sleep(0.02)
        n = self.client.status()["journal_written"] - written
        self.assertLessEqual(n, time.monotonic() - began + 1)
        self.assertGreaterEqual(n, 2)

    def test_an_empty_state(self):
        self.assert_resumed(self.restart(), 0, 0)
        self.client.do("/bus/new", "b")
        kept(self.client)
        self.assert_resumed(self.restart(), 0, 0)
        self.assertIn("b", self.client.buses())


class Scheduled(Living):
    def test_what_waits_goes_on_waiting(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/bus/new", "music")
        self.client.do("/play", "tone", "id", 1, "loop", 1, "gain", -10.0)
        due = time.time() + 5
        number, _ = self.client.do("/play", "tone", "at", 5.0, "notify", 1, "#3")
        self.client.do("/play", "tone", "id", "named", "at", 3600.0, "tag", "later")
        self.client.do("/voice/set", 1, "gain", "+4", "at", 5.0)
        self.client.send(bundle(osc("/bus/set", "music", "gain", -3.0, "mute", 1), osc("/stop", "named", "fade", 0.5),
                                time_tag=ntp(5)))
        self.client.answer("/bus/set"), self.client.answer("/stop")
        self.client.do("/play", "tone", "id", 9)
        self.client.do("/voice/set", 9, "gain", -20.0, "at", 3600.0)
        kept(self.client)
        # What was for a voice that plays once is lost with it.
        self.assert_resumed(self.restart(), 1, 1, 5, 1)
        voices = until(lambda: (v := self.client.voices())[1]["state"] == "playing" and v, "the loop")
        self.assertLess(time.time(), due, "this machine is too slow for this test")
        self.assertEqual((voices[number]["state"], voices["named"]["state"], voices[1]["gain"]),
                         ("scheduled", "scheduled", -10.0))
        until(lambda: self.client.voices()[number]["state"] == "playing", "the scheduled voice")
        self.assertAlmostEqual(time.time(), due, delta=1)
        until(lambda: self.client.voices()[1]["gain"] == -6.0, "the relative change")
        until(lambda: self.client.buses()["music"]["gain"] == -3.0, "the bus")
        self.assertEqual(self.client.buses()["music"]["mute"], 1)
        self.assertEqual(self.client.do("/clear", "later"), [1])
        until(lambda: "named" not in self.client.voices(), "the end of what was taken back")

    def test_what_has_become_late(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/play", "tone", "id", 1, "at", 3.0)
        self.client.do("/play", "tone", "id", 2, "at", 3.0, "policy", "drop")
        self.client.do("/play", "tone", "id", 3, "at", 3600.0)
        due = time.monotonic() + 3
        kept(self.client)
        self.life.end()
        time.sleep(max(0, due + 0.2 - time.monotonic()))
        self.client = self.life.begin()
        self.assert_resumed(resumed(self.client), 1, 0, 3)
        until(lambda: {i: v["state"] for i, v in self.client.voices().items()} == {1: "playing", 3: "scheduled"},
              "the late one, and the one that is not")
        status = self.client.status()
        self.assertEqual((status["late"], status["late_dropped"]), (2, 1))

    def test_again_and_again(self):
        """What was resumed is kept as what came from clients is."""
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/play", "tone", "at", 3600.0)
        self.client.do("/play", "tone", "at", 3600.0, "id", "x", "gain", -1.5)
        for _ in range(3):
            self.assert_resumed(self.restart(signal.SIGTERM), 1, 0, 2)
            self.assertEqual({(i, v["gain"]) for i, v in self.client.voices().items()}, {(1000000, 0.0), ("x", -1.5)})

    def test_who_subscribes_is_told(self):
        """Once, with the figures that /status has. A client is seldom too late to ask for it: then all begins anew."""
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/play", "tone", "id", 1, "loop", 1)
        self.client.do("/play", "tone", "id", 2, "loop", 1)
        self.client.do("/play", "tone", "id", 3, "at", 3600.0)
        kept(self.client)

        def asked_in_time():
            self.life.end(signal.SIGTERM)
            self.client = self.life.begin()
            self.client.do("/subscribe", "/state/resumed")
            return self.client.status()["journal"] == "resuming"
        self.assertTrue(any(asked_in_time() for _ in range(20)), "this machine is too slow for this test")
        told = self.client.wait_for(lambda m: m[0] == "/state/resumed")
        self.assertEqual(told[1:], [1, 2, 1, 0])
        self.assert_resumed(resumed(self.client), *told[1:])
        self.client.do("/sync", 1)
        self.assertNotIn("/state/resumed", [m[0] for m in self.client.seen])


class HowItEnds(Living):
    def busy(self):
        self.client.do("/bus/new", "music")
        self.client.do("/play", "long.wav", "id", 1, "loop", 1)
        self.client.do("/play", "long.wav", "id", 2, "at", 3600.0)

    def test_sigterm_keeps_the_newest_state(self):
        self.busy()
        self.client.do("/bus/set", "music", "gain", -9.0)
        before = self.voices(1)
        self.assertEqual(self.life.end(signal.SIGTERM), 0)
        self.assertFalse(os.path.exists(self.life.state("journal.new")))
        self.client = self.life.begin()
        self.assert_resumed(resumed(self.client), 1, 1, 1)
        self.assert_went_on(before[1], self.voices(1)[1], 1.0)
        self.assertEqual(self.client.buses()["music"]["gain"], -9.0)
        # Soon after a resume it is no crash either.
        self.assertEqual(self.life.end(signal.SIGTERM), 0)
        self.client = self.life.begin()
        self.assert_resumed(resumed(self.client), 1, 1, 1)

    def test_sigint_and_quit_keep_nothing(self):
        for how in "SIGINT", "quit":
            with self.subTest(how):
                self.busy()
                kept(self.client)
                self.assertTrue(os.path.exists(self.life.state()))
                if how == "quit":
                    self.client.send(osc("/quit"))
                self.assertEqual(self.life.end(signal.SIGINT if how == "SIGINT" else None), 0)
                self.assertEqual(os.listdir(self.life.path("state")), [])
                self.client = self.life.begin()
                self.assert_resumed(resumed(self.client), 0, 0)
                self.assertEqual((self.client.voices(), set(self.client.buses())), ({}, {"master"}))

    def test_a_second_crash(self):
        self.busy()
        kept(self.client)
        self.assert_resumed(self.restart(), 1, 1, 1)
        status = self.restart()
        self.assertEqual(status["journal_set_aside"], "crashed")
        self.assertEqual((self.client.voices(), set(self.client.buses())), ({}, {"master"}))
        self.assertIn("set aside as journal.crashed", self.life.stderr())
        self.assertTrue(os.path.exists(self.life.state("journal.crashed")))
        # That start was none that resumed: what it does is kept.
        self.busy()
        kept(self.client)
        self.assert_resumed(self.restart(), 1, 1, 1)

    def test_a_crash_that_comes_later(self):
        self.busy()
        kept(self.client)
        self.restart()
        self.assertTrue(os.path.exists(self.life.state("journal.resuming")))
        until(lambda: not os.path.exists(self.life.state("journal.resuming")), "ten seconds", 30)
        self.assert_resumed(self.restart(), 1, 1, 1)


class Configured(Living):
    def fill(self):
        self.client.do("/sound/load", "tone", "long.wav")
        self.client.do("/play", "tone", "id", 1, "loop", 1)
        self.client.do("/play", "tone", "id", 2, "paused", 1)
        self.client.do("/play", "tone", "id", 3, "at", 3600.0)
        kept(self.client)

    def test_loops_alone(self):
        self.fill()
        self.life.configure("[engine]\nresume = loops")
        self.assert_resumed(self.restart(), 1, 1)
        self.assertEqual(set(self.client.voices()), {1})

    def test_nothing(self):
        self.fill()
        self.life.configure("[engine]\nresume = none")
        self.assert_resumed(self.restart(), 0, 0)
        self.assertEqual((self.client.voices(), self.client.status()["journal"]), ({}, "off"))
        self.client.do("/bus/new", "b")
        until(lambda: not os.listdir(self.life.path("state")), "the end of what was kept")
        self.life.configure("")
        self.assert_resumed(self.restart(), 0, 0)

    def test_no_state_folder(self):
        with Daemon() as daemon:
            status = daemon.client().status()
            self.assertEqual((status["journal"], status["journal_age"], status["health"] != ""), ("off", -1, True))

    def test_state_directory_of_the_service_manager(self):
        self.fill()
        self.life.write("chimed.conf", f"[paths]\nsound_folder = {self.life.sounds}\n")
        self.life.environment["STATE_DIRECTORY"] = self.life.path("state") + ":/nowhere"
        self.assert_resumed(self.restart(), 1, 2, 1)

    def test_the_configuration_has_changed(self):
        """What it says of buses that no client has changed holds."""
        self.life.end(signal.SIGINT)
        self.life.configure("[bus a]\ngain = -5\npan = 0.5\n[bus b]\nmute = yes\n")
        self.client = self.life.begin()
        self.client.do("/bus/set", "a", "gain", -7.0)
        kept(self.client)
        self.life.configure("[bus a]\ngain = -1\npan = 0.25\n[bus b]\nmute = no\n")
        self.restart()
        buses = self.client.buses()
        self.assertEqual((buses["a"]["gain"], buses["a"]["pan"], buses["b"]["mute"]), (-7.0, 0.25, 0))

    def test_sounds_that_are_gone(self):
        self.life.sound("other.wav", wav(sine(RATE)))
        self.client.do("/sound/load", "other", "other.wav")
        self.client.do("/play", "other", "id", 4, "loop", 1)
        self.client.do("/play", "short.wav", "id", 5, "loop", 1)
        self.fill()
        self.client.do("/subscribe", "/state/*")
        os.unlink(self.life.path("sounds/other.wav"))
        os.unlink(self.life.path("sounds/short.wav"))
        status = self.restart()
        self.assert_resumed(status, 1, 2, 1, 4)  # two sounds, and the voice of each
        self.assertEqual(set(self.client.voices()), {1, 2, 3})
        said = self.life.stderr()
        for name in "other.wav", "short.wav", "resumed: 1 sounds, 2 voices, 1 scheduled commands; 4 could not be":
            self.assertIn(name, said)

    def test_sounds_that_were_handed_over(self):
        """From an allowed folder they are found again; others only their client can read."""
        outside = self.life.write("data/outside.wav", wav(sine(RATE)))
        for path in outside, self.life.path("sounds/short.wav"):
            self.assertEqual(self.life.chime("play", "--loop", path).returncode, 0)
            self.assertEqual(self.life.chime("load", path).returncode, 0)
        kept(self.client)
        self.assert_resumed(self.restart(), 2, 1, 0, 3)
        self.assertIn("outside.wav", self.life.stderr())
        self.assertEqual({v["sound"] for v in self.client.voices().values()}, {self.life.path("sounds/short.wav")})


class Heard(unittest.TestCase):
    """By what a JACK server records."""

    def test_the_loop_is_where_it_would_be(self):
        samples = test_heal.marked()
        position = test_heal.Position(samples)

        with jack_server.Server() as server:
            life = Life(backend="jack", config=f"[output]\njack_server = {server.name}")
            self.addCleanup(life.remove)
            client = life.begin()
            stereo = [s for s in samples for _ in range(2)]
            life.sound("loop.wav", wav(stereo, channels=2))
            client.do("/play", "loop.wav", "id", 1, "loop", 1)
            kept(client)
            began, first = position.hear(server)
            for how in signal.SIGKILL, signal.SIGTERM:
                life.end(how)
                client = life.begin()
                resumed(client)
                until(lambda: client.voices()[1]["state"] == "playing" and client.status()["backend"] == "jack", "the loop")
                time.sleep(0.1)  # the fade, so that frames are as they are in the file
                now, place = position.hear(server)
                off = (place - first - (now - began) * RATE + test_heal.N / 2) % test_heal.N - test_heal.N / 2
                self.assertLess(abs(off) / RATE, NEAR_S, how)
            life.end(signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
