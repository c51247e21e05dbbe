#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_play.py - the daemon and its client as people run them: what is asked for is what happens.
import contextlib
import ctypes
import functools
import json
import math
import os
import shutil
import signal
import stat
import subprocess
import time
import unittest

import liblo

from harness import NOBODY, Daemon, osc, run_chimed, sine, until, wav

RATE = 48000
IS_ROOT = os.geteuid() == 0


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


class Voices(Playing):
    def test_ids(self):
        self.assertEqual(self.done("play", "long", "--id", 42), ["42"])
        self.refused("taken", "play", "long", "--id", 42)
        first, second = (int(self.done("play", "long")[0]) for _ in range(2))
        self.assertGreaterEqual(first, 1000000)  # the small ones are the clients' own
        self.assertNotEqual(first, second)
        self.assertEqual(set(self.client.voices()), {42, first, second})
        self.done("stop", 42)
        until(lambda: 42 not in self.client.voices(), "its end")
        self.assertEqual(self.done("play", "long", "--id", 42), ["42"])
        self.assertEqual(self.client.do("/play", "long", "id", 0), [0])
        self.assertEqual(self.client.do("/play", "long", "id", 2147483647), [2147483647])

    def test_wait(self):
        began = time.monotonic()
        ids = self.done("play", "--wait", "short", "short")
        self.assertEqual(len(ids), 2)
        self.assertGreater(time.monotonic() - began, 0.045)
        lines = [json.loads(line) for line in self.done("play", "--wait", "--json", "short", "--id", 5)]
        self.assertEqual(lines, [{"event": "started", "id": 5, "sound": "short"},
                                 {"event": "ended", "id": 5, "reason": "finished"}])

    def test_interrupted_wait_stops_its_voices(self):
        with subprocess.Popen([os.environ["CHIME"], "play", "--wait", "--id", "9", "long"], stdout=subprocess.PIPE,
                              env=self.daemon.environment) as waiting:
            self.assertEqual(waiting.stdout.readline(), b"9\n")
            waiting.send_signal(signal.SIGINT)
            self.assertEqual(waiting.wait(10), 130)
        until(lambda: 9 not in self.client.voices(), "its end")

    def test_events(self):
        other = self.daemon.client()
        self.assertEqual(self.client.do("/play", "short", "id", 1, "notify", 1), [1])
        self.assertEqual([self.client.receive(), self.client.receive()], [["/started", 1], ["/ended", 1, "finished"]])
        self.client.do("/play", "long", "id", 2, "notify", 1)
        self.client.do("/play", "long", "id", 3)
        self.assertEqual(self.client.receive(), ["/started", 2])
        other.do("/stop", "all")
        self.assertEqual(self.client.receive(), ["/ended", 2, "stopped"])
        self.assertIsNone(self.client.receive(0.1))  # nothing of 3
        self.assertIsNone(other.receive(0))

    def test_gain_and_pan(self):
        whole = 20 * math.log10(0.5 / math.sqrt(2))  # a sine of half of full scale
        self.done("play", "long", "--loop", "--id", 1, "--gain", -10, "--pan", -1)
        self.assertAlmostEqual(self.level(), whole - 10, delta=0.1)
        self.assertLess(self.client.buses()["master"]["rms_right"], -190)
        self.assertEqual(self.client.voices()[1]["gain"], -10)
        self.done("set", 1, "--gain", 0, "--pan", 0)
        self.assertAlmostEqual(self.level(), whole - 3.01, delta=0.1)
        self.done("set", 1, "--pan", 1, "--ramp", 0.01)
        self.assertLess(self.level(), -190)
        self.done("fade", 1, 0.05, "--to", -6)
        self.done("set", 1, "--pan", -1)
        self.assertAlmostEqual(self.level(), whole - 6, delta=0.1)

    def length_of(self, *keys):
        """How long a voice of `long` plays with these keys."""
        began = time.monotonic()
        self.client.do("/play", "long", "id", 8, "notify", 1, *keys)
        self.client.wait_for(lambda m: m == ["/ended", 8, "finished"])
        self.client.wait_for(lambda m: m == ["/started", 8])
        return time.monotonic() - began

    def test_start_end_rate_and_loops_take_their_time(self):
        for wanted, *keys in ((0.2, "start", 9.8), (0.2, "start", 3.0, "end", 3.2), (0.2, "start", 6.8, "rate", 16.0),
                              (0.2, "start", 0.2, "rate", -1.0), (0.2, "end", 0.1, "rate", 0.5),
                              (0.25, "start", 9.95, "loop_start", 9.95, "loop_count", 5)):
            self.assertTrue(wanted - 0.01 < self.length_of(*keys) < wanted + 0.15, keys)

    def test_loop_until_told_otherwise(self):
        self.done("play", "short", "--loop", "--id", 4)
        time.sleep(0.3)
        self.assertEqual(self.client.voices()[4]["state"], "playing")
        self.done("set", 4, "--loop", "off")
        until(lambda: 4 not in self.client.voices(), "the end of the pass")
        self.done("play", "short", "--loop-count", 3, "--id", 4, "--wait")

    def test_paused_resume_and_seek(self):
        self.done("play", "long", "--paused", "--id", 6)
        self.assertEqual(self.client.voices()[6]["state"], "paused")
        self.assertLess(self.level(), -190)
        self.done("resume", 6)
        self.assertGreater(self.level(), -20)
        self.done("pause")
        self.assertEqual(self.client.voices()[6]["state"], "paused")
        self.assertLess(self.level(), -190)
        self.done("seek", 6, 9.9)
        time.sleep(0.2)
        self.assertIn(6, self.client.voices())  # it is held there
        began = time.monotonic()
        self.done("resume", 6, "--fade", 0.05)
        until(lambda: 6 not in self.client.voices(), "its end")
        self.assertLess(time.monotonic() - began, 5)

    def test_fades(self):
        self.done("play", "long", "--fade", 5, "--id", 1)
        self.assertLess(self.level(), -16)
        self.done("fade", 1, 0.1)
        self.assertEqual(self.client.voices().get(1, {"state": "stopping"})["state"], "stopping")
        until(lambda: 1 not in self.client.voices(), "its end")

    def test_stop_filters(self):
        self.client.call("/bus/new", "filtered")
        for i, (sound, bus) in enumerate((("long", "master"), ("long", "filtered"), ("other", "filtered"))):
            if sound == "other":
                self.client.do("/sound/load", "other", os.path.join(self.daemon.sounds, "long.wav"))
            self.client.do("/play", sound, "id", i, "bus", bus)
        self.assertEqual(self.client.do("/stop", "all", "bus", "filtered", "sound", "long"), [1])
        until(lambda: set(self.client.voices()) == {0, 2}, "the end of 1")
        self.assertEqual(self.client.do("/stop", "all", "sound", "other", "fade", 0.01), [1])
        until(lambda: set(self.client.voices()) == {0}, "the end of 2")
        self.done("stop", "--bus", "filtered")
        self.assertEqual(set(self.client.voices()), {0})
        self.assertEqual(self.client.do("/stop", "all"), [1])
        self.assertEqual(self.client.do("/sound/unload", "other"), ["other", 0])

    def test_many_starts_and_ends(self):
        """Slots and ids come back."""
        for _ in range(5):
            for _ in range(400):
                self.client.send(osc("/play", "short", "start", 0.045))
            answers = [self.client.answer("/play") for _ in range(400)]
            self.assertEqual({a[0] for a in answers}, {"/done"})
            until(lambda: self.client.status()["voices"] == 0, "the end of all")


class Limits(Playing):
    OPTIONS = ("--voices", "4")

    def test_refused_voices(self):
        for i in range(4):
            self.done("play", "long", "--id", i)
        result = self.chime("play", "long")
        self.assertEqual((result.returncode, result.stderr), (1, "chime: long: refused voices 4/4 (refused)\n"))
        self.assertEqual(self.chime("play", os.path.join(self.daemon.sounds, "short.wav")).returncode, 1)
        status = self.client.status()
        self.assertEqual((status["voices"], status["voices_max"], status["voices_refused"]), (4, 4, 2))
        self.assertEqual(set(self.client.voices()), {0, 1, 2, 3})
        self.done("stop", 2)
        until(lambda: 2 not in self.client.voices(), "room")
        self.done("play", "long")


class Sounds(Playing):
    CONFIG = "[paths]\nallow = /usr/share/sounds\n"

    def used(self):
        self.client.do("/sync", 1)
        return self.client.status()["sound_bytes"]

    def lengths(self, name):
        """Frames of each sound of this name; those that still play are among them."""
        return sorted(row[2] for row in self.client.items("/sound/list") if row[0] == name)

    def test_load_list_and_unload(self):
        before = self.used()
        path = self.daemon.write("a b.wav", wav([1, 2] * 1000, 2, rate=44100))
        self.assertEqual(self.done("load", path), ["a b  stereo, 0.023 s"])
        frames = round(1000 * RATE / 44100)
        self.assertEqual({k: self.client.sounds()["a b"][k] for k in ("channels", "rate", "format", "state")},
                         {"channels": 2, "rate": RATE, "format": "s16", "state": "ready"})
        self.assertAlmostEqual(self.client.sounds()["a b"]["frames"], frames, delta=1)
        self.assertGreater(self.used(), before)
        self.done("unload", "a b")
        self.assertNotIn("a b", self.client.sounds())
        until(lambda: self.used() == before, "the memory")

    def test_load_of_a_folder(self):
        folder = self.daemon.path("songs")
        os.mkdir(folder)
        for name in "one.wav", "two.WAV", "three.txt":
            self.daemon.write(f"songs/{name}", seconds(0.01))
        self.daemon.write("songs/bad.wav", b"no sound")
        result = self.chime("load", folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("bad_sound", result.stderr)
        self.assertTrue(result.stdout.endswith("loaded 2, failed 1\n"), result.stdout)
        self.done("play", "one", "two", "--wait")
        self.done("unload", "one", "two")

    def test_unload_while_playing(self):
        before = self.used()
        for fade in (), ("--fade", 0.05):
            self.client.do("/sound/load", "gone", self.daemon.sound("gone.wav", seconds(0.4)))
            self.client.do("/play", "gone", "id", 1, "notify", 1, *(("loop", 1) if fade else ()))
            self.done("unload", "gone", *fade)
            self.refused("unknown_sound", "play", "gone")
            self.assertEqual(self.client.voices()[1]["sound"], "gone")
            self.assertGreater(self.used(), before)
            self.client.wait_for(lambda m: m == ["/ended", 1, "stopped" if fade else "finished"])
            until(lambda: self.used() == before, "the memory")

    def test_unload_ends_a_loop_at_its_pass(self):
        self.client.do("/sound/load", "gone", self.daemon.sound("gone.wav", seconds(0.2)))
        self.client.do("/play", "gone", "id", 1, "notify", 1, "loop", 1)
        self.client.do("/sound/unload", "gone")
        self.client.wait_for(lambda m: m == ["/ended", 1, "finished"])

    def test_replace_while_playing(self):
        before = self.used()
        self.client.do("/sound/load", "x", self.daemon.sound("x.wav", seconds(1)))
        self.client.do("/play", "x", "id", 1, "loop", 1)
        self.assertEqual(self.client.do("/sound/load", "x", self.daemon.sound("x2.wav", seconds(0.5)))[:3],
                         ["x", 1, RATE // 2])
        self.client.do("/play", "x", "id", 2, "loop", 1)
        self.assertEqual(self.lengths("x"), [RATE // 2, RATE])  # the old one stays as long as 1 plays it
        self.client.do("/stop", 1)
        until(lambda: self.lengths("x") == [RATE // 2], "the old one's end")
        self.client.do("/stop", 2)
        until(lambda: 2 not in self.client.voices(), "its end")
        self.client.do("/sound/unload", "x")
        until(lambda: self.used() == before, "the memory")

    def test_sync_comes_after_loads(self):
        path = self.daemon.sound("slow.wav", wav(sine(441000), rate=44100))
        for i in range(3):
            self.client.send(osc("/sound/load", f"slow{i}", path))
        self.client.send(osc("/sync", 77))
        got = [self.client.receive() for _ in range(4)]
        self.assertEqual([m[2] for m in got[:3]], ["slow0", "slow1", "slow2"])
        self.assertEqual(got[3], ["/synced", 77])
        self.assertEqual(self.chime("sync").returncode, 0)
        for i in range(3):
            self.client.do("/sound/unload", f"slow{i}")

    def test_stop_before_it_is_loaded(self):
        path = self.daemon.sound("slow.wav", wav(sine(882000), rate=44100))
        self.client.send(osc("/play", path, "id", 3))
        self.client.do("/stop", 3)
        self.assertEqual(self.client.answer("/play")[2], "cancelled")
        self.client.do("/sync", 1)

    def test_a_changed_file_is_loaded_anew(self):
        for by_hand_over in False, True:
            path = self.daemon.write("changing.wav" if by_hand_over else "sounds/changing.wav", seconds(0.3))
            play = functools.partial(*((self.done, "play") if by_hand_over else (self.client.do, "/play")), path)
            play()
            play()
            self.assertEqual(self.client.sounds()[path]["frames"], RATE * 3 // 10)
            self.assertEqual(self.client.sounds()[path]["n_voices"], 2)
            with open(path, "wb") as file:
                file.write(seconds(0.2))
            play()
            until(lambda p=path: self.lengths(p) == [RATE // 5], "only the new one")

    def hold_the_worker(self):
        """Something to load that takes a while."""
        self.client.send(osc("/sound/load", "slow", self.daemon.sound("slow.wav", wav(sine(882000), rate=44100))))

    def played(self, name):
        """Lengths of the sounds of this name on which voices play."""
        return sorted(row[2] for row in self.client.items("/sound/list") if row[0] == name and row[6] > 0)

    def test_files_that_are_handed_over_under_one_name(self):
        """Each voice plays the file that came with it, though another is being loaded under the name."""
        self.hold_the_worker()
        files = {n: self.daemon.write(f"handed{n}.wav", seconds(n)) for n in (0.3, 0.4)}
        for n in 0.3, 0.4, 0.3:
            with open(files[n], "rb") as file:
                self.client.send(osc("/play", "/handed.wav", "loop", 1), file.fileno())
        self.client.do("/sync", 1)
        self.assertEqual(self.played("/handed.wav"), [RATE * 3 // 10, RATE * 4 // 10])
        self.assertEqual(self.client.status()["voices"], 3)
        self.client.seen = []

    def test_another_sound_takes_the_name_while_a_file_is_looked_at(self):
        path = self.daemon.sound("named.wav", seconds(0.3))
        other = self.daemon.sound("other.wav", seconds(0.4))
        self.client.do("/play", path)
        self.hold_the_worker()
        self.client.send(osc("/sound/load", path, other))
        self.client.send(osc("/play", path, "loop", 1))  # still the first
        self.client.answer("/play")
        self.assertIn(RATE * 3 // 10, self.played(path))
        self.assertNotIn(RATE * 4 // 10, self.played(path))
        self.client.seen = []

    def test_names_and_paths(self):
        shutil.copytree(self.daemon.sounds, os.path.join(self.daemon.sounds, "below"))
        self.client.do("/play", "below/short.wav")  # under the daemon's own folder
        self.client.do("/play", os.path.join(self.daemon.sounds, "below/short.wav"))
        self.client.do("/play", "alsa/Front_Center.wav")  # under another allowed one
        self.client.do("/play", "/usr/share/sounds/alsa/Front_Center.wav", "end", 0.01)
        self.done("play", "below/short.wav", "--wait")
        result = self.chime("play", "short.wav", cwd=self.daemon.sounds)  # a file of the caller's folder
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_file_outside_is_handed_over(self):
        path = self.daemon.write("outside.wav", seconds(0.05))
        self.assertEqual(self.client.call("/play", path)[2], "not_allowed")
        self.done("play", path, "--wait")
        result = self.chime("--url", f"osc.udp://127.0.0.1:{self.daemon.port}/", "play", path + "x")
        self.assertEqual(result.returncode, 1)


class Buses(Playing):
    def test_nested_with_gain_mute_and_solo(self):
        self.done("bus", "new", "music")
        self.done("bus", "new", "drums", "music")
        self.done("bus", "new", "speech")
        self.assertEqual(self.client.buses()["drums"]["parent"], "music")
        self.done("play", "long", "--pan", -1, "--bus", "drums", "--loop")
        loud = self.level("drums")
        self.assertAlmostEqual(loud, -9.03, delta=0.1)
        self.assertAlmostEqual(self.level("music"), loud, delta=0.1)
        self.done("bus", "set", "music", "--gain", -6)
        self.assertAlmostEqual(self.level("master"), loud - 6, delta=0.1)
        self.assertAlmostEqual(self.client.buses()["drums"]["rms_left"], loud, delta=0.1)
        self.assertAlmostEqual(self.client.buses()["drums"]["peak_left"], -6.02, delta=0.1)
        self.done("bus", "set", "music", "--mute", "on")
        self.assertLess(self.level("master"), -190)
        self.assertEqual(self.client.buses()["music"]["mute"], 1)
        self.done("bus", "set", "music", "--mute", "off", "--gain", 0)
        self.done("bus", "set", "speech", "--solo", "on")
        self.assertLess(self.level("master"), -190)
        self.done("bus", "set", "drums", "--solo", "on")
        self.assertAlmostEqual(self.level("master"), loud, delta=0.1)
        self.done("bus", "set", "drums", "--solo", "off")
        self.done("bus", "set", "music", "--solo", "on")  # what feeds a soloed bus is heard too
        self.assertAlmostEqual(self.level("master"), loud, delta=0.1)
        self.done("bus", "set", "music", "--solo", "off")
        self.done("bus", "set", "speech", "--solo", "off")
        table = self.done("bus")
        self.assertEqual([row.split()[0] for row in table], ["name", "master", "music", "drums", "speech"])
        self.assertEqual({b["name"] for b in json.loads(self.done("bus", "--json")[0])["buses"]},
                         {"master", "music", "drums", "speech"})


    def test_what_is_no_number_is_silenced_and_told(self):
        self.client.call("/bus/new", "broken")
        path = self.daemon.sound("nan.wav", wav([0.25, math.nan, math.inf] * 2000, bits=-32))
        self.client.do("/play", path, "bus", "broken", "loop", 1)
        self.assertTrue(-20 < self.level() < -10, self.level())
        self.assertGreater(self.client.status()["nonfinite"], 1000)
        self.assertIn("bus broken: ", self.daemon.stderr())


class SoundInfo(ctypes.Structure):
    """SF_INFO of libsndfile, which writes the formats that this file cannot."""
    _fields_ = [("frames", ctypes.c_int64), *((name, ctypes.c_int) for name in
                                              ("samplerate", "channels", "format", "sections", "seekable"))]


class Formats(Playing):
    def encode(self, name, encoding, samples):
        library, path = ctypes.CDLL("libsndfile.so.1"), os.path.join(self.daemon.sounds, name)
        library.sf_open.restype = ctypes.c_void_p
        library.sf_writef_short.restype = ctypes.c_int64
        info = SoundInfo(samplerate=RATE, channels=2, format=encoding)
        file = ctypes.c_void_p(library.sf_open(path.encode(), 0x20, ctypes.byref(info)))
        self.assertTrue(file, f"libsndfile cannot write {name}")
        library.sf_writef_short(file, (ctypes.c_short * len(samples))(*samples), ctypes.c_int64(len(samples) // 2))
        library.sf_close(file)
        return path

    def check(self, path, rate, kind, delta=1):
        name, channels, frames, _, *_ = self.client.do("/sound/load", "f", path)
        self.assertEqual((name, channels), ("f", 2), path)
        self.assertAlmostEqual(frames, RATE // 4, delta=delta, msg=path)
        # The one before may still fade out.
        rows = [row[3:5] for row in self.client.items("/sound/list") if row[0] == "f" and row[7] == "ready"]
        self.assertEqual(rows, [[rate, kind]], path)
        voice, = self.client.do("/play", "f", "loop", 1)
        self.client.do("/sync", 1)
        self.client.do("/stop", voice)

    def test_all(self):
        samples = [v for s in sine(RATE // 4) for v in (s, s // 2)]
        for bits, kind in (8, "s16"), (16, "s16"), (24, "f32"), (32, "f32"), (-32, "f32"):
            scaled = {8: [s // 256 + 128 for s in samples], -32: [s / 32768 for s in samples]}.get(
                bits, [s * (1 << max(bits - 16, 0)) for s in samples])
            self.check(self.daemon.sound(f"b{bits}.wav", wav(scaled, 2, bits=bits)), RATE, kind)
        for name, encoding, kind in (
                ("pcm.aiff", 0x020002, "s16"), ("pcm24.aiff", 0x020003, "f32"), ("float.aiff", 0x020006, "f32"),
                ("a.flac", 0x170002, "s16"), ("a24.flac", 0x170003, "f32"), ("vorbis.ogg", 0x200060, "f32"),
                ("a.opus", 0x200064, "f32"), ("a.mp3", 0x230082, "f32"), ("a.au", 0x030002, "s16"),
                ("a.w64", 0x0B0002, "s16"), ("a.rf64", 0x220002, "s16"), ("a.caf", 0x180002, "s16")):
            with self.subTest(name):  # MP3 pads its ends
                self.check(self.encode(name, encoding, samples), RATE, kind, 3000 if "mp3" in name else 1)

    def test_rates(self):
        for rate in 8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 192000:
            samples = [v for s in sine(rate // 4, 200, rate) for v in (s, s)]
            exact = math.ceil(rate // 4 * RATE / rate)
            path = self.daemon.sound("r.wav", wav(samples, 2, rate))
            name, channels, frames, *_ = self.client.do("/sound/load", "r", path)
            self.assertEqual((name, channels), ("r", 2))
            self.assertAlmostEqual(frames, exact, delta=1, msg=rate)


class OtherSenders(Playing):
    def test_oscsend(self):
        subprocess.run(["oscsend", f"osc.udp://127.0.0.1:{self.daemon.port}/", "/play", "ssisfsi", "long", "id", "7",
                        "gain", "-6.0", "loop", "1"], check=True)
        until(lambda: 7 in self.client.voices(), "the voice")
        self.assertEqual(self.client.voices()[7]["gain"], -6)

    def test_liblo(self):
        got = []
        server = liblo.Server(proto=liblo.UDP)
        server.add_method(None, None, lambda path, args: got.append([path, *args]))
        chimed = liblo.Address(f"osc.udp://127.0.0.1:{self.daemon.port}/")

        def ask(path, *args):
            got.clear()
            server.send(chimed, path, *args)
            until(lambda: server.recv(10) and any(m[0] != "/started" for m in got), f"the answer to {path}")
            return got[-1]
        self.assertEqual(ask("/ping"), ["/done", "/ping"])
        self.assertEqual(ask("/play", "long", "id", 11, "gain", -6.0), ["/done", "/play", 11])
        self.assertEqual(ask("/stop", 12)[:3], ["/error", "/stop", "unknown_voice"])
        self.assertEqual(ask("/sync", 5), ["/synced", 5])
        got.clear()
        server.send(chimed, liblo.Bundle(liblo.Message("/ping"), liblo.Message("/sync", 6)))
        until(lambda: server.recv(10) and len(got) == 2, "both answers")
        self.assertEqual(got, [["/done", "/ping"], ["/synced", 6]])
        server.send(chimed, "/play", "short", "id", 12, "notify", 1)
        until(lambda: server.recv(10) and got[-1] == ["/ended", 12, "finished"], "the event")
        server.free()

    def test_netcat_and_socat(self):
        subprocess.run(["nc", "-u", "-w0", "127.0.0.1", str(self.daemon.port)], check=True,
                       input=osc("/play", "long", "id", 21))
        until(lambda: 21 in self.client.voices(), "the voice")
        unix = f"UNIX-SENDTO:{self.daemon.socket},bind={self.daemon.path('clients/socat')}"
        answer = subprocess.run(["socat", "-t1", "-", unix], check=True, capture_output=True,
                                input=osc("/stop", 21)).stdout
        self.assertEqual(answer, osc("/done", "/stop", 1))
        answer = subprocess.run(["socat", "-t1", "-", f"UDP:127.0.0.1:{self.daemon.port}"], check=True,
                                capture_output=True, input=osc("/ping")).stdout
        self.assertEqual(answer, osc("/done", "/ping"))

    def test_chime_over_udp(self):
        url = f"osc.udp://127.0.0.1:{self.daemon.port}/"
        self.assertEqual(self.done("--url", url, "play", "long", "--id", 31), ["31"])
        self.assertIn("31", " ".join(self.done("--url", url, "list", "voices")))
        self.done("--url", url, "stop", 31)
        self.assertEqual(self.done("send", "/ping"), ["/done /ping"])
        self.assertEqual(self.done("send", "/sync", "3"), ["/synced 3"])

    def test_udp_is_for_this_machine_only(self):
        wanted = f":{self.daemon.port:04X}"
        for table in "/proc/net/udp", "/proc/net/udp6":
            with contextlib.suppress(FileNotFoundError), open(table, encoding="ascii") as file:
                bound = [line.split()[1] for line in file if line.split()[1].endswith(wanted)]
                self.assertEqual(bound, ["0100007F" + wanted] if table.endswith("udp") else [], table)

    def test_socket_mode(self):
        mode = os.stat(self.daemon.socket).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o660)


class Lives(unittest.TestCase):
    @unittest.skipUnless(IS_ROOT, "only root can become another user")
    def test_a_file_that_the_daemon_may_not_read(self):
        with Daemon(user=NOBODY, udp=True) as daemon:
            path = daemon.sound("mine.wav", seconds(0.05))
            os.chmod(path, 0o600)
            client = daemon.client()
            answer = client.call("/play", path)
            self.assertEqual(answer[:3], ["/error", "/play", "not_allowed"])
            self.assertIn("the daemon may not read", answer[3])
            result = daemon.chime("--url", f"osc.udp://127.0.0.1:{daemon.port}/", "play", path)
            self.assertEqual(result.returncode, 1)
            self.assertIn("(not_allowed)", result.stderr)
            result = daemon.chime("play", "--wait", path)
            self.assertEqual(result.returncode, 0, result.stderr)
            result = daemon.chime("load", path, "mine")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(client.do("/play", "mine", "id", 1), [1])

    def test_quit(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        client = daemon.start().client()
        client.do("/play", daemon.sound("a.wav", seconds(1)), "loop", 1)
        self.assertEqual(daemon.chime("quit").returncode, 0)
        daemon.stop(by=None)

    def test_signals_fade_and_end(self):
        for number in signal.SIGTERM, signal.SIGINT:
            daemon = Daemon(config="[engine]\nquit_fade = 0.3")
            self.addCleanup(daemon.remove)
            client = daemon.start().client()
            client.do("/play", daemon.sound("a.wav", seconds(1)), "loop", 1)
            began = time.monotonic()
            daemon.stop(by=number)
            self.assertGreater(time.monotonic() - began, 0.3)

    def test_ends_in_time_while_it_loads(self):
        with Daemon() as daemon:
            path = daemon.sound("huge.wav", wav([1000, -1000] * 2_000_000, 2, rate=44100))
            client = daemon.client()
            for i in range(8):
                client.send(osc("/sound/load", f"huge{i}", path))
            client.do("/ping")

    def test_hangup_is_told_and_ignored(self):
        with Daemon() as daemon:
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: "restart to apply changes" in daemon.stderr(), "the line")
            daemon.client().do("/ping")

    def test_buses_of_the_configuration(self):
        config = """[bus drums]
parent = music
gain = -6
[bus music]
pan = 0.5
mute = yes
[bus rear]
out = 3
width = 2
"""
        with Daemon("--channels", "4", config=config) as daemon:
            buses = daemon.client().buses()
            self.assertEqual(set(buses), {"master", "drums", "music", "rear"})
            self.assertEqual((buses["drums"]["parent"], buses["drums"]["gain"]), ("music", -6))
            music = buses["music"]
            self.assertEqual((music["parent"], music["pan"], music["mute"]), ("master", 0.5, 1))
            self.assertEqual((buses["rear"]["out"], buses["rear"]["width"]), (3, 2))
            self.assertEqual(daemon.client().status()["channels"], 4)

    def test_flags_win_over_files(self):
        config = "[engine]\nvoices = 9\n[output]\nrate = 44100\n"
        with Daemon("--voices", "7", "--period", "128", config=config) as daemon:
            client = daemon.client()
            until(lambda: client.status()["frames"] > 0, "the first period")
            status = client.status()
            self.assertEqual((status["voices_max"], status["rate"], status["period"]), (7, 44100, 128))

    def test_the_users_own_configuration(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        os.mkdir(daemon.path("config/chimed"))
        daemon.write("config/chimed/chimed.conf", "[engine]\nvoices = 11\n[control]\nudp_port = 0\n")
        daemon.options = ["--backend", "null"]
        self.assertEqual(daemon.start().client().status()["voices_max"], 11)
        daemon.stop()

    def test_check_config(self):
        with Daemon(config="[engine]\nvoices = 65536\nbuses = 512\n") as daemon:
            result = run_chimed("-c", daemon.path("chimed.conf"), "--check-config")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        rows = {line[:30].rstrip(): line[30:].split() for line in result.stdout.decode().splitlines()}
        self.assertEqual(rows.pop("memory, in bytes"), ["taken", "at", "start", "budget"])
        regions = {name: [int(x) for x in row] for name, row in rows.items() if len(row) == 2}
        self.assertEqual(set(regions), {"voices", "mixer", "sounds", "control", "queues", "streams", "scratch", "debug"})
        self.assertEqual(regions["sounds"], [0, 1 << 30])
        self.assertGreater(regions["voices"][0], 65536 * 200)
        for used, budget in regions.values():
            self.assertLessEqual(used, budget)
        for name in "columns", "command and event queues", "sounds", "answers":
            self.assertIn("  " + name, rows)

    def test_a_budget_that_is_too_small(self):
        with Daemon(config="[engine]\nvoices = 65536\n") as daemon:
            with open(daemon.path("small.conf"), "w") as f:
                f.write("[engine]\nvoices = 65536\n[memory]\nvoices_budget = 2\n")
            result = run_chimed("-c", daemon.path("small.conf"), "--check-config")
        self.assertEqual(result.returncode, 1)
        self.assertIn("small.conf:4: the budget [memory] voices_budget is too small for 65536 voices", result.stderr.decode())

    def test_help_and_version(self):
        for option, says in ("--help", b"usage: chimed"), ("--version", b"chimed 0."):
            result = run_chimed(option)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertIn(says, result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
