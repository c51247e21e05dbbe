#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_alsa.py - what chimed writes to ALSA devices, byte by byte, through alsa-lib's own plugins.
import array
import os
import random
import tempfile
import time
import unittest

import harness

N = 24000
RATE = 48000

# A device that writes what it gets to a file.
CONFIG = """
pcm.tofile {{
    type file
    slave.pcm "null"
    file "{file}"
    format "raw"
}}
"""


def noise(n, seed, peak=32768):
    """Never 0 at its ends, so that it is seen where it begins and ends."""
    r = random.Random(seed)
    return [1] + [r.randrange(-peak, peak) for _ in range(n - 2)] + [1]


def interleaved(left, right):
    return [s for pair in zip(left, right) for s in pair]


class Alsa(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="chimed-alsa-")
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "raw")
        config = os.path.join(self.folder.name, "asound.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(file=self.file))
        self.environment = {"ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{config}"}

    def daemon(self, device, sample_format="auto", channels=2, period=64, periods=4):
        return harness.Daemon(backend="alsa", environment=self.environment, config=f"""[output]
            device = {device}
            format = {sample_format}
            channels = {channels}
            period = {period}
            periods = {periods}
            """.replace("  ", ""))

    def played(self, form, n_channels=2):
        """The frames of the device, from the first to the last that is not silent, for each channel."""
        with open(self.file, "rb") as file:
            data = array.array(form, file.read())
        self.assertGreater(len(data), 0)
        self.assertEqual(len(data) % n_channels, 0)
        loud = [i // n_channels for i, s in enumerate(data) if s != 0]
        self.assertGreater(len(loud), 0, "silence alone")
        first, last = loud[0], loud[-1]
        self.assertGreater(first, 0)
        self.assertLess(last, len(data) // n_channels - 1)
        return [data[c::n_channels][first:last + 1].tolist() for c in range(n_channels)]

    def play(self, daemon, path, *args):
        """Plays a file to its end."""
        client = daemon.client()
        client.do("/sound/load", "noise", path)
        client.do("/play", "noise", *args, "id", 1, "notify", 1)
        self.assertEqual(client.wait_for(lambda m: m[0] == "/ended")[1:3], [1, "finished"])
        time.sleep(0.05)  # some silence behind it
        return client.status()

    # ---- samples ----

    def test_a_file_comes_out_in_every_format(self):
        left, right = noise(N, 1), noise(N, 2)
        for name, form, scale in (("s16", "h", 1), ("s32", "i", 65536), ("float", "f", 1 / 32768)):
            with self.subTest(name):
                for _ in range(5):  # a busy machine wakes the audio thread late now and then
                    with self.daemon("tofile", name) as daemon:
                        path = daemon.sound("noise.wav", harness.wav(interleaved(left, right), channels=2))
                        status = self.play(daemon, path)
                    if status["xruns"] == 0:
                        break
                self.assertEqual(status["backend"], "alsa")
                self.assertIn(f"tofile {name}", status["device"].lower())
                self.assertEqual((status["period"], status["xruns"]), (64, 0))
                for channel, wanted in zip(self.played(form), (left, right), strict=True):
                    self.assertEqual(channel, [s * scale for s in wanted])

    def test_more_channels_than_two(self):
        left, right = noise(N, 3), noise(N, 4)
        with self.daemon("tofile", "s16", channels=5, period=240, periods=2) as daemon:
            path = daemon.sound("noise.wav", harness.wav(interleaved(left, right), channels=2))
            client = daemon.client()
            client.do("/bus/new", "rear")
            client.do("/bus/set", "rear", "out", 4, "width", 2)
            self.play(daemon, path, "bus", "rear")
        self.assertEqual(self.played("h", 5), [[0] * N] * 3 + [left, right])

    def test_it_is_what_render_gives(self):
        samples, out = noise(N, 5, peak=20000), os.path.join(self.folder.name, "out.wav")
        args = ["gain", -7.5, "pan", 0.3, "rate", 0.77, "fade", 0.02, "fade_out", 0.03, "start", 0.01]
        for name, option, form in ("s16", "s16", "h"), ("float", "f32", "f"):
            with self.subTest(name):
                with self.daemon("tofile", name) as daemon:
                    path = daemon.sound("noise.wav", harness.wav(samples))
                    self.play(daemon, path, *args)
                    score = os.path.join(self.folder.name, "score")
                    with open(score, "wb") as file:
                        file.write(harness.score((100, harness.osc("/play", path, *args))))
                    run = harness.run_chimed("render", score, out, "--seconds", 2, "--format", option)
                    self.assertEqual(run.returncode, 0, run.stderr)
                rendered = harness.Wav(out)
                loud = [i for i in range(rendered.n_frames) if any(c[i] != 0 for c in rendered.channels)]
                self.assertEqual(self.played(form), [c[loud[0]:loud[-1] + 1] for c in rendered.channels])

    # ---- devices that take everything at once ----

    def test_a_device_without_a_clock_is_paced(self):
        for device in "null", "tofile":
            with self.subTest(device), self.daemon(device, "s16") as daemon:
                client = daemon.client()
                time.sleep(0.5)  # for the guard to notice
                before, began = client.status(), self.cpu_seconds(daemon)
                time.sleep(2)
                after, ended = client.status(), self.cpu_seconds(daemon)
                rate = (after["frames"] - before["frames"]) / (after["uptime"] - before["uptime"])
                self.assertAlmostEqual(rate, RATE, delta=RATE / 20)
                self.assertLess((ended - began) / 2, 0.25, "it spins")

    def cpu_seconds(self, daemon):
        """Of all threads, to the nanosecond."""
        total = 0
        for thread in os.listdir(f"/proc/{daemon.process.pid}/task"):
            with open(f"/proc/{daemon.process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9


if __name__ == "__main__":
    unittest.main(verbosity=2)
