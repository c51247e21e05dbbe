#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_jack.py - what chimed plays on a JACK server, sample by sample, and what it does when the server changes or dies.
import random
import re
import time
import unittest

import harness
import jack_server
import traffic
import tree

N = 48000  # frames of the sounds


def noise(n, seed, peak=12000):
    """Never 0 at its first frame, so that it is seen where it begins."""
    r = random.Random(seed)
    return [1] + [r.randrange(-peak, peak) for _ in range(n - 1)]


def floats(samples):
    return [s / 32768 for s in samples]


def onset(*channels):
    """Where the first of them leaves silence."""
    return min(next((i for i, s in enumerate(c) if s != 0), len(c)) for c in channels)


class Jack(unittest.TestCase):
    def daemon(self, server, connect="physical", channels=2):
        return harness.Daemon(backend="jack", config=f"[output]\njack_server = {server.name}\n"
                              f"jack_connect = {connect}\nchannels = {channels}\n")

    def assert_same(self, got, wanted, what):
        """Exactly: not one bit may differ."""
        self.assertEqual(len(got), len(wanted), what)
        for i, (a, b) in enumerate(zip(got, wanted)):
            if a != b:
                n = sum(a != b for a, b in zip(got, wanted))
                self.fail(f"{what}: {n} of {len(got)} frames differ, the first is {i}: {a!r}, not {b!r}")

    def assert_played(self, capture, *wanted, may_skip=False):
        """Each channel has these samples, all from one frame on, and silence around them."""
        if not may_skip:
            self.assertEqual(capture.n_skips, 0, "JACK left cycles out")
        at = onset(*capture.channels)
        self.assertGreater(at, 0)
        for number, (got, samples) in enumerate(zip(capture.channels, wanted, strict=True), 1):
            self.assertLessEqual(at + len(samples), len(got), "it began too late for the recording")
            silence = len(got) - at - len(samples)
            self.assert_same(list(got), [0.0] * at + samples + [0.0] * silence, f"channel {number}")

    def record(self, server, seconds, play, n_channels=2):
        """What is played after play(), and the recording."""
        capture = server.capture(seconds, n_channels)
        play()
        capture.end()
        return capture

    # ---- ports ----

    def test_outputs_are_connected_unless_told_not_to(self):
        with jack_server.Server(playback=3) as server:
            with self.daemon(server):
                ports = server.connections()
                self.assertEqual(ports["chimed:out_1"], ["system:playback_1"])
                self.assertEqual(ports["chimed:out_2"], ["system:playback_2"])
                self.assertEqual(ports["system:playback_3"], [])
                self.assertNotIn("chimed:out_3", ports)
            with self.daemon(server, connect="none", channels=4):
                ports = server.connections()
                self.assertEqual([ports[f"chimed:out_{i}"] for i in range(1, 5)], [[]] * 4)
                self.assertNotIn("chimed:out_5", ports)

    def test_the_servers_name_is_not_for_a_client(self):
        with jack_server.Server() as server:
            names = f"[output]\njack_server = {server.name}\njack_name = {server.name}\n"
            with harness.Daemon(backend="jack, null", config=names) as daemon:
                answer = daemon.client().call("/backend", "jack")
                self.assertEqual(answer[:3], ["/error", "/backend", "refused"])
                self.assertIn("jack_name", answer[3])
            self.assertIn("system:playback_1", server.connections())

    def test_the_environment_names_a_server(self):
        with jack_server.Server() as server, \
                harness.Daemon(backend="jack", environment={"JACK_DEFAULT_SERVER": server.name}) as daemon:
            self.assertIn(f"server {server.name},", daemon.client().status()["device"])

    # ---- samples ----

    def test_a_stereo_file_comes_out_bit_for_bit(self):
        samples = noise(2 * N, 1, peak=32768)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            daemon.sound("noise.wav", harness.wav(samples, channels=2))
            client = daemon.client()
            client.do("/sound/load", "noise", daemon.path("sounds/noise.wav"))
            capture = self.record(server, 1.5, lambda: client.do("/play", "noise"))
            self.assert_played(capture, floats(samples[::2]), floats(samples[1::2]))

    def test_a_mono_file_hard_left_comes_out_bit_for_bit(self):
        samples = noise(N, 2, peak=32768)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            path = daemon.sound("noise.wav", harness.wav(samples))
            client = daemon.client()
            capture = self.record(server, 1.5, lambda: client.do("/play", path, "pan", -1.0))
            self.assert_played(capture, floats(samples), [])

    def test_two_voices_are_their_sum(self):
        long, short = noise(2 * N, 3), noise(2 * 10000, 4)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = daemon.client()
            for name, samples in ("long", long), ("short", short):
                client.do("/sound/load", name, daemon.sound(f"{name}.wav", harness.wav(samples, channels=2)))

            def play():
                client.do("/play", "long")
                client.do("/sync", 1)
                time.sleep(0.1)
                client.do("/play", "short")
            capture = self.record(server, 1.7, play)
            start, wanted = onset(*capture.channels), [floats(long[::2]), floats(long[1::2])]
            alone = [list(c[start:start + N]) for c in capture.channels]
            second = next(i for i in range(N) if any(a[i] != w[i] for a, w in zip(alone, wanted)))
            self.assertGreater(second, 4000)  # overlapping, but not at once
            for samples, channel in (short[::2], wanted[0]), (short[1::2], wanted[1]):
                for i, s in enumerate(samples):
                    channel[second + i] += s / 32768  # exact: far less than 24 bits are in use
            self.assert_played(capture, *wanted)

    def test_buses_go_to_their_channels(self):
        left, right, mono = noise(N, 5), noise(N, 6), noise(N, 7)
        stereo = [s for pair in zip(left, right) for s in pair]
        with jack_server.Server(playback=8) as server, self.daemon(server, channels=8) as daemon:
            client = daemon.client()
            client.do("/sound/load", "stereo", daemon.sound("stereo.wav", harness.wav(stereo, channels=2)))
            client.do("/sound/load", "twice", daemon.sound("twice.wav", harness.wav(
                [s for s in mono for _ in range(2)], channels=2)))
            for name, out, width in ("wide", 3, 2), ("narrow", 8, 1), ("mean", 6, 1):
                client.do("/bus/new", name)
                client.do("/bus/set", name, "out", out, "width", width)
            for bus, sound, used in (("wide", "stereo", {3: left, 4: right}), ("narrow", "twice", {8: mono}),
                                     ("master", "stereo", {1: left, 2: right})):
                capture = self.record(server, 1.3, lambda b=bus, s=sound: client.do("/play", s, "bus", b), 8)
                self.assert_played(capture, *(floats(used.get(i, [])) for i in range(1, 9)))
            capture = self.record(server, 1.3, lambda: client.do("/play", "stereo", "bus", "mean"), 8)
            mean = [(a + b) / 2 for a, b in zip(floats(left), floats(right))]  # exact too
            self.assert_played(capture, *(mean if i == 6 else [] for i in range(1, 9)))

    # ---- a server that changes ----

    def test_the_buffer_size_changes_while_it_plays(self):
        samples = noise(2 * 6 * N, 8)  # longer than the changes take on a busy machine
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = daemon.client()
            client.do("/sound/load", "noise", daemon.sound("noise.wav", harness.wav(samples, channels=2)))
            capture = server.capture(30)
            client.do("/play", "noise", "id", 7)
            for period in 256, 64, 1024, 64:
                time.sleep(0.3)
                capture.set_buffer_size(period)
                harness.until(lambda p=period: client.status()["period"] == p, f"{period} frames")
                self.assertIn(f"{period} frames", client.status()["device"])
                harness.until(lambda p=period: client.do("/time")[4] == p, "a latency of one period")
            self.assertIn(7, client.voices())
            harness.until(lambda: not client.voices(), "the end of the sound")
            time.sleep(0.2)  # what the server has not played yet
            capture.end(at_once=True)
            self.assertEqual(client.status()["backend"], "jack")
            # JACK's clock jumps at each change, for it stops its driver meanwhile; but it leaves no cycle out.
            self.assert_played(capture, floats(samples[::2]), floats(samples[1::2]), may_skip=True)

    def test_it_outlives_the_server(self):
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = daemon.client()
            client.do("/sound/load", "noise", daemon.sound("noise.wav", harness.wav(noise(N, 9))))
            client.do("/play", "noise", "id", 1, "loop", 1)
            client.do("/play", "noise", "id", 2, "rate", 0.25, "notify", 1)  # 4 s
            capture = server.capture(60)
            time.sleep(0.5)
            before = client.status()
            server.kill()
            harness.until(lambda: client.status().get("backend") == "null", "the timer")
            after = client.status()
            self.assertGreaterEqual(after["frames"], before["frames"])
            self.assertEqual((after["rate"], after["channels"], after["voices"]), (48000, 2, 2))
            self.assertRegex(daemon.stderr(), r"jack: the device or server is gone")
            capture.end()

            time.sleep(1)
            later = client.status()
            rate = (later["frames"] - after["frames"]) / (later["uptime"] - after["uptime"])
            self.assertAlmostEqual(rate, 48000, delta=2400)
            self.assertEqual(client.wait_for(lambda m: m[0] == "/ended")[1:3], [2, "finished"])
            self.assertEqual(list(client.voices()), [1])
            client.do("/play", "noise", "id", 3)
            client.do("/stop", "all")

    # ---- everything at once ----

    def test_nothing_of_the_api_disturbs_the_audio_thread(self):
        methods = set(re.findall(r'^METHOD\(\w+, "([^"]+)"', tree.read("engine/osc/api.def"), re.M))
        with jack_server.Server() as server, self.daemon(server) as daemon:
            ran = traffic.Traffic(daemon).run(5)
            self.assertEqual(methods - set(ran.counts), {"/quit"})
            self.assertGreater(sum(ran.counts.values()), 1000)
            self.assertGreater(ran.n_events, 0)
            status = daemon.client().status()
            if not harness.SANITIZE:  # their shadow memory comes as it is touched
                self.assertEqual(status["rt_page_faults"], 0)
            self.assertEqual((status["nonfinite"], status["commands_refused"], status["packets_lost"]), (0, 0, 0))
            self.assertEqual(daemon.client().call("/quit"), ["/done", "/quit"])
            daemon.wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
