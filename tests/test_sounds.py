#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_sounds.py - sounds that are loaded, replaced, handed over and unloaded, of every format.
import ctypes
import functools
import math
import os
import shutil
import unittest

from harness import osc, sine, until, wav
from playing import RATE, Playing, seconds


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
            self.client.do("/sound/load", "gone", self.daemon.sound("gone.wav", seconds(3)))
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
        for _ in range(3):
            self.assertEqual(self.client.answer("/play")[0], "/done")
        # The second one took the name before the third was looked at, which may be loaded again.
        self.assertEqual(set(self.played("/handed.wav")), {RATE * 3 // 10, RATE * 4 // 10})
        self.assertEqual(self.client.status()["voices"], 3)
        self.client.seen = []

    def test_one_file_that_is_handed_over_again_and_again(self):
        """It is decoded once, though it was still being loaded when it came again."""
        self.hold_the_worker()
        path = self.daemon.write("again.wav", seconds(0.3))
        for _ in range(3):
            with open(path, "rb") as file:
                self.client.send(osc("/play", "/again.wav", "loop", 1), file.fileno())
        for _ in range(3):
            self.assertEqual(self.client.answer("/play")[0], "/done")
        with open(path, "rb") as file:
            self.client.do("/play", "/again.wav", "loop", 1, fds=[file.fileno()])
        rows = [row for row in self.client.items("/sound/list") if row[0] == "/again.wav"]
        self.assertEqual([row[6] for row in rows], [4], rows)
        self.client.seen = []

    def test_a_known_file_that_has_gone_meanwhile(self):
        """What control took for the same file is unloaded before the worker says so: it is loaded after all."""
        path = self.daemon.write("gone.wav", seconds(0.3))
        with open(path, "rb") as file:
            self.client.do("/play", "/gone.wav", "id", 5, "loop", 1, fds=[file.fileno()])
            self.hold_the_worker()
            self.client.send(osc("/play", "/gone.wav", "id", 6, "loop", 1), file.fileno())
        self.client.do("/stop", 5)
        self.client.do("/sound/unload", "/gone.wav")
        self.assertEqual(self.client.answer("/play"), ["/done", "/play", 6])
        self.assertEqual(self.played("/gone.wav"), [RATE * 3 // 10])
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
