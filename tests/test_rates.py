#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_rates.py - the sound server comes back at another sample rate: all goes on at its pitch and in its place.
import math
import os
import unittest

import harness
import jack_server

HZ, SECONDS = 440, 3


def chirp(rate):
    """A tone that rises by an octave in each pass of the loop: its pitch says where it is."""
    return [round(12000 * math.sin(2 * math.pi * HZ * SECONDS / math.log(2) * (2 ** (i / rate / SECONDS) - 1)))
            for i in range(rate * SECONDS)]


def crossings(samples):
    """Where the samples pass zero upwards, between the frames."""
    return [i + a / (a - b) for i, (a, b) in enumerate(zip(samples, samples[1:])) if a < 0 <= b]


def pitch(samples, rate):
    found = crossings(samples)
    return (len(found) - 1) * rate / (found[-1] - found[0])


def largest_step(samples):
    return max(abs(a - b) for a, b in zip(samples, samples[1:]))


class Rates(unittest.TestCase):
    def daemon(self, server, **more):
        return harness.Daemon(backend="jack", config=f"[output]\njack_server = {server.name}\n", **more)

    def back_at(self, client, server, rate):
        """The server dies, and comes back at this rate; the daemon with it."""
        server.kill()
        harness.until(lambda: client.status()["backend"] == "null", "the timer goes on")
        server.rate = rate
        server.start()
        return harness.until(
            lambda: (s := client.status())["backend"] == "jack" and s["rate"] == rate and s, f"jack at {rate} Hz")

    def all_resampled(self, client):
        harness.until(lambda: client.status()["sounds_interpolated"] == 0, "all sounds have the new rate")

    def hear(self, client, server, seconds=0.3):
        """When the recording began, and what was heard. A jackd that has had no processor for a while can hang for good."""
        for _ in range(10):
            try:
                capture = server.capture(seconds)
                channels = capture.end()
            except AssertionError as error:
                print(error)
                self.back_at(client, server, server.rate)
                continue
            if capture.n_skips + capture.n_xruns == 0:
                return capture.began, channels
        raise AssertionError("the machine is too busy")

    def test_pitch_and_place(self):
        """A loop keeps its pitch in Hz and its place in seconds, 48000 > 44100 > 96000 > 48000 Hz."""
        with jack_server.Server(period=1024, synchronous=False) as server, self.daemon(server) as daemon:
            client = daemon.client()
            client.do("/subscribe", "/rate")
            path = daemon.sound("chirp.wav", harness.wav(chirp(48000), rate=48000))
            client.do("/sound/load", "chirp", path)
            client.do("/sound/load", "tone", daemon.sound("tone.wav", harness.wav(harness.sine(48000 * 30, hz=1000))))
            client.do("/sound/load", "unused", daemon.sound("unused.wav", harness.wav(harness.sine(9600))))
            client.do("/play", "chirp", "id", 1, "loop", 1, "pan", -1)
            client.do("/play", "tone", "id", 2, "loop", 1, "pan", 1)
            client.do("/sync", 1)

            def place(samples, rate):
                """Seconds of the loop at which the recording began; none across the seam, where the pitch falls."""
                hz, later = (pitch(samples[start:start + rate // 10], rate) for start in (0, rate // 10))
                return math.log2(hz / HZ) * SECONDS - 0.05 if later > hz else None

            def hear_both(rate):
                while True:
                    at, (chirped, tone) = self.hear(client, server, 0.5)
                    self.assertAlmostEqual(pitch(tone, rate), 1000, delta=0.1)
                    self.assertLess(largest_step(tone), 0.5 * 2 * math.pi * 1000 / rate * 1.3)  # no click
                    if (found := place(chirped, rate)) is not None:
                        return at, found
            first_at, first = hear_both(48000)
            for rate in 44100, 96000, 48000:
                self.back_at(client, server, rate)
                client.wait_for(lambda m, rate=rate: m == ["/rate", rate])
                self.assertAlmostEqual(client.do("/time")[2], rate, delta=rate * 0.011)
                for resampled in False, True:
                    if resampled:
                        self.all_resampled(client)
                    at, now = hear_both(rate)
                    wanted = first + at - first_at
                    off = (now - wanted + SECONDS / 2) % SECONDS - SECONDS / 2
                    xruns = client.status()["xruns"]
                    print(f"at {rate} Hz{', resampled' if resampled else ''} the loop is {off * 1e3:+.1f} ms off, "
                          f"{xruns} xruns")
                    self.assertLess(abs(off), 0.15 + 0.05 * xruns)
                for name, sound in client.sounds().items():
                    self.assertEqual(sound["rate"], rate, name)
                self.assertAlmostEqual(client.sounds()["chirp"]["frames"], rate * SECONDS, delta=2)
            self.assertEqual(client.status()["rate_changes"], 3)
            self.assertEqual(sorted(client.voices()), [1, 2])

    def test_without_its_file(self):
        """A sound whose file is gone, or another one now, is resampled from its samples, and so is one that came open."""
        with jack_server.Server(period=1024, synchronous=False) as server, self.daemon(server) as daemon:
            client = daemon.client()
            paths = {name: daemon.sound(f"{name}.wav", harness.wav(harness.sine(48000, hz=hz)))
                     for name, hz in (("gone", 500), ("changed", 600), ("handed", 700), ("stereo", 800))}
            daemon.sound("stereo.wav", harness.wav([s for s in harness.sine(48000, hz=800) for _ in range(2)],
                                                   channels=2, bits=24))
            for name, path in paths.items():
                with open(path, "rb") as file:
                    client.do("/sound/load", name, path,
                              fds=[file.fileno()] if name == "handed" else [])
            os.remove(paths["gone"])
            os.remove(paths["stereo"])
            daemon.sound("changed.wav", harness.wav(harness.sine(24000, hz=2000)))
            client.do("/play", "gone", "loop", 1, "id", 1, "pan", -1)
            client.do("/play", "changed", "loop", 1, "id", 2, "pan", 1)
            before = client.sounds()
            self.back_at(client, server, 44100)
            self.all_resampled(client)
            for name, sound in client.sounds().items():
                self.assertEqual(sound["rate"], 44100)
                self.assertEqual((sound["channels"], sound["format"]), (before[name]["channels"], before[name]["format"]))
                self.assertAlmostEqual(sound["frames"], 44100, delta=2)
            for side, hz in enumerate((500, 600)):
                self.assertAlmostEqual(pitch(self.hear(client, server)[1][side], 44100), hz, delta=hz * 0.01)
            client.do("/stop", "all")
            for side, hz in enumerate((700, 800)):
                client.do("/play", ("handed", "stereo")[side], "loop", 1)
                self.assertAlmostEqual(pitch(self.hear(client, server)[1][0], 44100), hz, delta=hz * 0.01)
                client.do("/stop", "all")
                harness.until(lambda: not client.voices(), "silence")

    def test_what_has_no_room_is_interpolated(self):
        """Two of a sound do not fit: it stays as it is, at its pitch, and is told."""
        with jack_server.Server(period=1024, synchronous=False) as server, harness.Daemon(
                backend="jack", config=f"[output]\njack_server = {server.name}\n[engine]\nsound_memory = 1\n") as daemon:
            client = daemon.client()
            path = daemon.sound("big.wav", harness.wav(harness.sine(300000, hz=500)))
            client.do("/sound/load", "big", path)
            client.do("/play", "big", "loop", 1, "pan", -1)
            self.back_at(client, server, 44100)
            harness.until(lambda: "could not be resampled" in daemon.stderr(), "it is told")
            self.assertEqual(client.status()["sounds_interpolated"], 1)
            self.assertEqual(client.sounds()["big"]["rate"], 48000)
            self.assertAlmostEqual(pitch(self.hear(client, server)[1][0], 44100), 500, delta=5)
            self.back_at(client, server, 48000)
            self.assertEqual(client.status()["sounds_interpolated"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
