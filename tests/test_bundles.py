#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bundles.py - all of a bundle or nothing: each change that a handler makes to the books is taken back, and what
# is scheduled waits for its time.
import itertools
import os
import shutil
import time
import unittest

from harness import bundle, osc, sine, until, wav
from playing import Playing

BAD = osc("/bus/set", "none", "gain", 0.0)


def ntp(seconds):
    """The present and so many seconds, as a time tag."""
    return int((time.time() + seconds + 2208988800) * 2**32)


class Bundles(Playing):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # It takes a while to be converted to the engine's rate.
        cls.long_load = cls.daemon.sound("slow.wav", wav(sine(44100 * 60, 440, 44100), rate=44100))
        cls.copies = itertools.count()

    def state(self):
        status = self.client.status()
        buses = {name: {k: v for k, v in bus.items() if not k.startswith(("peak", "rms"))}
                 for name, bus in self.client.buses().items()}
        return (buses, self.client.voices(), self.client.sounds(),
                [status[k] for k in ("voices", "voices_started", "sounds", "sound_bytes", "buses", "scheduled")])

    def send(self, *messages, time_tag=1):
        """The answers to a bundle, one for each message."""
        self.client.send(bundle(*messages, time_tag=time_tag))
        return [self.client.wait_for(lambda m: m[0] in ("/done", "/error")) for _ in messages]

    def undone(self, *messages):
        before = self.state()
        answers = self.send(*messages, BAD)
        self.assertEqual([a[0] for a in answers], ["/error"] * len(answers), answers)
        self.assertEqual([a[2] for a in answers], ["not_done"] * len(messages) + ["unknown_bus"])
        self.assertEqual(answers[-1][4], len(messages))  # which message it was
        self.assertEqual(self.state(), before)

    def slow(self):
        """A file that is loaded for some time, as nobody has asked for it yet."""
        return shutil.copy(self.long_load, os.path.join(self.daemon.sounds, f"slow{next(self.copies)}.wav"))

    def start_slowly(self, *keys):
        """A voice `slow` whose sound is being loaded."""
        self.client.send(osc("/play", self.slow(), "id", "slow", *keys))
        self.assertEqual(self.client.voices()["slow"]["state"], "loading")

    def cancel_slow(self):
        self.client.do("/stop", "slow")
        self.assertEqual(self.client.answer("/play")[:3], ["/error", "/play", "cancelled"])
        self.client.do("/sync", 1)


class Undo(Bundles):
    def test_what_was_made(self):
        self.undone(osc("/bus/new", "x"))
        self.undone(osc("/bus/new", "x"), osc("/bus/new", "y", "x"), osc("/play", "long", "id", "v", "bus", "y"),
                    osc("/voice/set", "v", "gain", -3.0), osc("/seek", "v", 1.0), osc("/stop", "v"))
        self.undone(*(osc("/play", "long") for _ in range(200)))
        answers = self.send(osc("/bus/new", "x"), osc("/bus/new", "y", "x"), osc("/play", "long", "id", "v", "bus", "y"))
        self.assertEqual(answers, [["/done", "/bus/new", "x"], ["/done", "/bus/new", "y"], ["/done", "/play", "v"]])
        self.assertEqual(self.client.voices()["v"]["bus"], "y")

    def test_outputs(self):
        self.undone(osc("/bus/set", "master", "out", 2, "width", 1), osc("/bus/set", "master", "out", 1, "width", 1))
        self.undone(osc("/bus/set", "master", "gain", -6.0, "pan", 0.5, "mute", 1, "solo", 1))

    def test_voices_that_play(self):
        self.client.do("/play", "long", "id", 1, "gain", -1.0)
        self.undone(osc("/stop", 1), osc("/pause", "all"), osc("/voice/set", 1, "gain", "+3", "rate", 2.0), osc("/seek", 1, 5.0))
        self.undone(osc("/stop", "all", "bus", "master", "sound", "long", "fade", 0.01))
        self.assertEqual(self.client.voices()[1]["state"], "playing")

    def test_voices_that_wait_for_their_sound(self):
        self.start_slowly("gain", -5.0, "rate", 0.5)
        loading = self.client.voices()["slow"]
        for message in (osc("/stop", "slow"), osc("/stop", "all"), osc("/pause", "slow"), osc("/seek", "slow", "+3"),
                        osc("/voice/set", "slow", "gain", "+3", "pan", 0.5, "rate", "+1", "quality", "sinc", "loop", 1)):
            answers = self.send(message, message, BAD)
            self.assertEqual([a[2] for a in answers], ["not_done", "not_done", "unknown_bus"])
            self.assertEqual(self.client.voices()["slow"], loading)
        self.cancel_slow()

    def test_loads(self):
        path = os.path.join(self.daemon.sounds, "long.wav")
        before = self.client.status()
        answers = self.send(osc("/sound/load", "loaded", path), osc("/sound/load", "long", path), BAD)
        self.assertEqual([a[2] for a in answers], ["not_done", "not_done", "unknown_bus"])
        self.client.do("/sync", 1)
        until(lambda: "loaded" not in self.client.sounds(), "its end")
        until(lambda: self.client.status()["sound_bytes"] <= before["sound_bytes"], "its memory")
        self.assertEqual(self.client.status()["voices"], 0)

    def test_a_load_and_its_voice(self):
        path = os.path.join(self.daemon.sounds, "long.wav")
        answers = self.send(osc("/sound/load", "fresh", path), osc("/play", "fresh", "id", 1), osc("/play", path, "id", 2),
                            osc("/play", path, "id", 3))
        self.assertEqual({a[1]: a[0] for a in answers}, {"/sound/load": "/done", "/play": "/done"})
        self.assertEqual(set(self.client.voices()), {1, 2, 3})
        self.client.do("/stop", "all")
        self.client.do("/sound/unload", "fresh")


class DoneLast(Bundles):
    """What cannot be taken back is done when all others have been accepted: it is checked with them all the same."""

    def refused_with(self, code, bad, *before):
        """Nothing of a bundle is done whose last message is this one; alone it says the same."""
        state = self.state()
        answers = self.send(osc("/bus/new", "never"), *before, bad)
        self.assertEqual([a[2] for a in answers], ["not_done"] * (len(before) + 1) + [code], answers)
        self.assertEqual(answers[-1][4], len(before) + 1)
        until(lambda: self.state() == state, "what it was before; a load that was begun ends first")
        return answers[-1][3]

    def load(self, name):
        self.client.do("/sound/load", name, os.path.join(self.daemon.sounds, "long.wav"))

    def test_unload(self):
        before = self.state()
        self.refused_with("unknown_sound", osc("/sound/unload", "nosuch"))
        self.load("gone")
        text = self.refused_with("unknown_sound", osc("/sound/unload", "gone"), osc("/sound/unload", "gone"))
        self.assertIn("earlier message", text)
        self.assertEqual(self.send(osc("/bus/set", "master", "gain", 0.0), osc("/sound/unload", "gone")),
                         [["/done", "/bus/set", "master"], ["/done", "/sound/unload", "gone", 0]])
        self.load("gone")  # its name is free, and it can be unloaded once more
        self.client.do("/sound/unload", "gone")
        path = self.slow()
        answers = self.send(osc("/sound/load", "fresh", path), osc("/sound/unload", "fresh"))
        self.assertEqual([a[2] for a in answers], ["not_done", "unknown_sound"])
        self.assertIn("still being loaded", answers[1][3])
        until(lambda: self.state() == before, "the books and the store as they were: both loads have come to nothing")

    def test_subscribe(self):
        self.assertIn("/nothing", self.refused_with("bad_arguments", osc("/subscribe", "/nothing")))
        self.assertIn("pattern", self.refused_with("bad_arguments", osc("/subscribe", "/[x"), osc("/subscribe", "/load")))
        many = [osc("/subscribe", f"/{{xruns,{i}}}", 10.0) for i in range(64)]
        self.refused_with("refused", osc("/subscribe", "/xruns"), *many)
        self.assertEqual(self.client.call("/unsubscribe")[2:], [0])
        for _ in range(2):  # made, and renewed
            self.assertEqual({a[0] for a in self.send(osc("/ping"), *many)}, {"/done"})
        self.refused_with("refused", osc("/subscribe", "/xruns"))
        answers = self.send(osc("/unsubscribe", "/{xruns,1}"), osc("/subscribe", "/{xruns,a}", 10.0))
        self.assertEqual([a[0] for a in answers], ["/done", "/done"])
        self.assertEqual(self.client.call("/unsubscribe")[2:], [64])

    def test_what_many_wait_for(self):
        self.refused_with("refused", osc("/sync", 1), *[osc("/sync", i) for i in range(1024)])
        self.refused_with("refused", osc("/clear", "x"), *[osc("/clear", "x")] * 64)
        self.refused_with("refused", osc("/voice/list"), *[osc("/dump")] * 128, *[osc("/voice/list")] * 128)


class WhileLoading(Bundles):
    def test_what_is_changed_holds_from_the_start(self):
        self.start_slowly("gain", -5.0)
        self.client.do("/voice/set", "slow", "gain", "+3", "pan", "-0.5", "rate", "-0.5", "loop", 1)
        self.client.do("/voice/set", "slow", "rate", "-4")  # it does not turn round
        self.client.do("/pause", "slow")
        voice = self.client.voices()["slow"]
        self.assertEqual((voice["gain"], voice["pan"], voice["state"]), (-2, -0.5, "loading"))
        self.assertAlmostEqual(voice["rate"], 0.06, delta=1e-6)
        self.assertEqual(self.client.answer("/play"), ["/done", "/play", "slow"])
        started = self.client.voices()["slow"]
        self.assertEqual(started, {**voice, "state": "paused"})

    def test_a_bundle_stops_it(self):
        self.start_slowly()
        self.assertEqual(self.send(osc("/stop", "slow"), osc("/ping")), [["/done", "/stop", 1], ["/done", "/ping"]])
        self.assertEqual(self.client.answer("/play")[:3], ["/error", "/play", "cancelled"])
        self.assertNotIn("slow", self.client.voices())

    def test_request_ids_come_back_late(self):
        self.client.send(osc("/play", self.slow(), "id", 5, "#77"))
        self.assertEqual(self.client.answer("/play"), ["/done", "/play", 5, "#77"])
        self.assertEqual(self.client.call("/voice/list", "#3")[-1], "#3")
        self.client.seen.clear()
        path = os.path.join(self.daemon.sounds, "long.wav")
        self.assertEqual(self.client.call("/sound/load", "again", path, "#4")[-1], "#4")
        self.assertEqual(self.client.call("/sound/load", "again", "none.wav", "#5")[-1], "#5")
        self.client.do("/sound/unload", "again")


class Scheduled(Bundles):
    def test_a_voice_is_reserved_until_its_time(self):
        self.assertEqual(self.send(osc("/play", "long", "id", "later", "notify", 1, "gain", -3.0), time_tag=ntp(0.4)),
                         [["/done", "/play", "later"]])
        self.assertEqual(self.client.voices()["later"]["state"], "scheduled")
        self.assertEqual(self.client.voices()["later"]["gain"], -3)
        self.refused("taken", "play", "long", "--id", "later")
        for path, *args in ("/stop", "later"), ("/voice/set", "later", "gain", 0.0), ("/seek", "later", 1.0):
            self.assertEqual(self.client.call(path, *args)[:3], ["/error", path, "unknown_voice"])
        self.assertEqual(self.client.do("/stop", "all"), [0])  # what is scheduled stays
        self.assertIsNone(self.client.receive(0))
        began = time.monotonic()
        self.assertEqual(self.client.receive(2), ["/started", "later"])
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(self.client.voices()["later"]["state"], "playing")
        self.client.do("/stop", "later")
        self.assertEqual(self.client.receive(), ["/ended", "later", "stopped"])

    def test_what_follows_it_in_time(self):
        self.client.do("/play", "long", "id", 1, "at", 0.1)
        self.client.do("/voice/set", 1, "gain", "-7", "at", 0.15)
        self.client.do("/voice/set", 1, "gain", "+1", "at", 0.2)
        self.client.do("/stop", 1, "at", 0.5)
        until(lambda: self.client.voices()[1]["gain"] == -6, "both changes")
        until(lambda: not self.client.voices(), "its end")
        self.assertEqual(self.client.status()["scheduled"], 0)

    def test_all_are_those_that_are_there_when_it_is_due(self):
        self.client.do("/play", "long", "id", 1)
        self.assertEqual(self.client.do("/pause", "all", "at", 0.2), [1])
        self.client.do("/play", "long", "id", 2)
        until(lambda: {v["state"] for v in self.client.voices().values()} == {"paused"}, "both are held")

    def test_a_sound_is_told_from_what_stands_in_its_place(self):
        path = os.path.join(self.daemon.sounds, "long.wav")
        self.client.do("/sound/load", "first", path)
        self.client.do("/stop", "all", "sound", "first", "at", 0.5)
        self.client.do("/sound/unload", "first")
        self.client.do("/sound/load", "second", path)  # takes the place that is free again
        self.client.do("/play", "second", "id", 1)
        until(lambda: self.client.status()["scheduled"] == 0, "its time")
        self.assertEqual(self.client.voices()[1]["state"], "playing")
        self.client.do("/sound/unload", "second", "fade", 0.01)
        until(lambda: not self.client.voices(), "its end")

    def test_taken_back(self):
        before = self.client.status()
        self.client.do("/play", "long", "id", "never", "notify", 1, "at", 60)
        self.client.do("/voice/set", "never", "gain", -6.0, "at", 61)
        self.assertEqual(self.client.do("/clear", "never"), [2])
        self.assertEqual(self.client.receive(), ["/ended", "never", "cancelled"])
        self.assertEqual(self.client.voices(), {})
        self.assertEqual(self.client.sounds()["long"]["n_voices"], 0)
        after = self.client.status()
        for key in "voices", "scheduled", "voices_started":
            self.assertEqual(after[key], before[key], key)

    def test_dropped(self):
        self.send(osc("/play", "long", "id", "late", "notify", 1, "policy", "drop"), time_tag=ntp(-10))
        self.assertEqual(self.client.wait_for(lambda m: m[0] == "/ended"), ["/ended", "late", "dropped"])
        self.assertEqual(self.client.wait_for(lambda m: m[0] == "/late")[:3], ["/late", "/play", "late"])
        self.assertEqual(self.client.voices(), {})

    def test_a_sound_that_is_not_there_yet(self):
        self.assertEqual(self.client.do("/play", self.slow(), "id", 1, "at", 60), [1])  # answered when it is
        self.assertEqual(self.client.voices()[1]["state"], "scheduled")
        self.client.do("/clear", "all")
        self.assertEqual(self.client.call("/play", "none.wav", "at", 1)[:3], ["/error", "/play", "unknown_sound"])

    def test_outputs_cannot_be(self):
        for key in "out", "width":
            self.assertEqual(self.client.call("/bus/set", "master", key, 1, "at", 1)[:3], ["/error", "/bus/set", "unsupported"])
        self.client.do("/bus/set", "master", "gain", "-2", "at", 0.05)
        until(lambda: self.client.buses()["master"]["gain"] == -2, "its time")
        self.client.do("/bus/set", "master", "gain", "+2", "ramp", 0.01, "curve", "s")
        self.assertEqual(self.client.buses()["master"]["gain"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
