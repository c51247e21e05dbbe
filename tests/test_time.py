#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_time.py - commands with a time: when they are done, what is told of late ones, how they are taken back.
import contextlib
import mmap
import os
import random
import signal
import statistics
import struct
import tempfile
import time
import unittest

import jack_server
from harness import SANITIZE, Daemon, bundle, osc, until, wav
from playing import Playing

RATE = 48000
EPOCH = 2208988800  # seconds from 1900 to 1970
CLICK = wav([16384] + [0] * 99)


def tag(seconds):
    """A time tag, so many seconds from now."""
    return int((time.time() + EPOCH + seconds) * 2**32)


class Times(Playing):
    def send(self, *messages, time_tag=1):
        self.client.send(bundle(*messages, time_tag=time_tag))

    def send_and_wait(self, *messages, time_tag=1):
        """The answers to a bundle."""
        self.send(*messages, time_tag=time_tag)
        return [self.client.wait_for(lambda m: m[0] in ("/done", "/error")) for _ in messages]

    def scheduled(self):
        return self.client.do("/time")[6]

    def is_voice(self, voice, state="playing"):
        return self.client.voices().get(voice, {}).get("state") == state

    def tearDown(self):
        self.client.do("/clear", "all")
        self.client.seen = []
        super().tearDown()

    # ---- when ----

    def test_time_tells_the_time(self):
        frame, ntp, rate, ppm, period, latency, scheduled, most = self.client.do("/time")
        now = tag(0)
        self.assertGreater(frame, 0)
        self.assertLess(abs(now - ntp) / 2**32, 1)
        self.assertAlmostEqual(rate / RATE, 1, delta=0.02)
        self.assertAlmostEqual(ppm, (rate / RATE - 1) * 1e6, delta=1)
        self.assertEqual((period, latency, scheduled, most), (256, 256, 0, 4096))
        later, later_ntp = until(lambda: (t := self.client.do("/time"))[0] > frame + RATE // 2 and t[:2], "half a second")
        self.assertAlmostEqual((later - frame) / ((later_ntp - ntp) / 2**32), RATE, delta=RATE * 0.05)

    def test_a_time_tag_ahead(self):
        began, late = time.monotonic(), self.client.status()["late"]
        self.assertEqual(self.send_and_wait(osc("/play", "long", "id", 1, "notify", 1), time_tag=tag(0.4)),
                         [["/done", "/play", 1]])
        self.assertEqual(self.scheduled(), 1)
        self.client.wait_for(lambda m: "started" in m[0])
        self.assertGreaterEqual(time.monotonic() - began, 0.39)
        until(lambda: self.scheduled() == 0, "that nothing is scheduled")
        self.assertEqual(self.client.status()["late"], late)

    def test_at(self):
        began = time.monotonic()
        self.client.do("/play", "long", "id", 1, "at", 0.3, "notify", 1)
        self.client.do("/voice/set", 1, "gain", -6.0, "at", 0.3)
        self.client.wait_for(lambda m: "started" in m[0])
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        until(lambda: self.client.voices()[1]["gain"] == -6, "the gain")

    def test_hours_ahead(self):
        self.send_and_wait(osc("/play", "long", "id", 1), time_tag=tag(5 * 3600))
        self.client.do("/play", "long", "id", 2, "at", 86400 * 200.0)
        self.assertEqual(self.scheduled(), 2)
        self.assertEqual(self.client.do("/clear", "all"), [2])

    def test_nested_bundles_have_times_of_their_own(self):
        self.send(osc("/play", "long", "id", 1), bundle(osc("/stop", 1, "fade", 0.0), time_tag=tag(0.5)),
                  bundle(osc("/ping")), time_tag=1)
        self.assertEqual([self.client.receive()[1] for _ in range(3)], ["/play", "/stop", "/ping"])
        until(lambda: self.is_voice(1), "the voice")
        until(lambda: 1 not in self.client.voices(), "its end")

    def test_untimed_methods_far_ahead_are_refused(self):
        before = self.client.sounds()
        answers = self.send_and_wait(osc("/play", "long", "id", 1), osc("/sound/load", "x", "short.wav"), time_tag=tag(3))
        self.assertEqual([a[:3] for a in answers],
                         [["/error", "/play", "not_done"], ["/error", "/sound/load", "unsupported"]])
        self.assertEqual(self.client.sounds(), before)
        self.assertEqual(self.send_and_wait(osc("/ping"), time_tag=tag(0.5)), [["/done", "/ping"]])
        self.assertEqual(self.send_and_wait(osc("/ping"), time_tag=5 << 32), [["/done", "/ping"]])
        answer, = self.send_and_wait(osc("/ping"), time_tag=0xFFFFFFFF << 32)
        self.assertEqual(answer[2], "unsupported")

    def test_one_time_at_most(self):
        for keys in ("at", 1.0, "immediate", 1), ("at", -1.0), ("at", 1e9), ("immediate", 2), ("policy", "perhaps"):
            self.assertEqual(self.client.call("/play", "long", *keys)[0], "/error", keys)
        for keys in ("at", 1.0), ("immediate", 1):
            answer, = self.send_and_wait(osc("/play", "long", *keys), time_tag=tag(1))
            self.assertEqual(answer[2], "bad_arguments")
        self.client.do("/play", "long", "id", 1, "immediate", 1)
        self.client.do("/play", "long", "id", 2, "immediate", 0)
        until(lambda: self.is_voice(1) and self.is_voice(2), "both voices")

    # ---- late ----

    def test_late_ones_are_played_and_told(self):
        before = self.client.status()
        self.assertEqual(self.send_and_wait(osc("/play", "long", "id", "v", "#7"), time_tag=tag(-1)),
                         [["/done", "/play", "v", "#7"]])
        path, method, voice, frames, request = self.client.receive()
        self.assertEqual((path, method, voice, request), ("/late", "/play", "v", "#7"))
        self.assertAlmostEqual(frames, RATE, delta=RATE / 4)
        until(lambda: self.is_voice("v"), "the voice")
        after = self.client.status()
        self.assertEqual((after["late"] - before["late"], after["late_dropped"] - before["late_dropped"]), (1, 0))

    def test_a_message_is_late_once(self):
        self.client.do("/play", "long", "id", 1)
        self.send_and_wait(osc("/voice/set", 1, "gain", -3.0, "pan", 0.5, "rate", 1.5, "loop", 1), time_tag=tag(-1))
        self.assertEqual(self.client.receive()[:3], ["/late", "/voice/set", 1])
        self.client.do("/sync", 1)
        self.assertEqual(self.client.seen, [])

    def test_names_of_what_is_late(self):
        for message, name in ((osc("/stop", "all"), "all"), (osc("/bus/set", "master", "gain", 0.0), "master")):
            self.send_and_wait(message, time_tag=tag(-1))
            self.assertEqual(self.client.receive()[2], name)

    def test_long_ago(self):
        self.send_and_wait(osc("/play", "long", "id", 1), time_tag=5 << 32)
        self.assertEqual(self.client.receive(), ["/late", "/play", 1, 2**31 - 1])

    def test_late_ones_may_be_dropped(self):
        before = self.client.status()
        self.assertEqual(self.send_and_wait(osc("/play", "long", "id", 1, "policy", "drop", "notify", 1, "#9"),
                                            osc("/voice/set", 1, "gain", 0.0, "policy", "drop"), time_tag=tag(-1)),
                         [["/done", "/play", 1, "#9"], ["/done", "/voice/set", 1]])
        late = [self.client.wait_for(lambda m: m[0] == "/late") for _ in range(2)]
        self.assertEqual([m[:3] for m in late], [["/late", "/play", 1], ["/late", "/voice/set", 1]])
        self.assertEqual(self.client.wait_for(lambda m: m[0].endswith("ended"))[1:], [1, "dropped"])
        self.assertEqual(self.client.voices(), {})
        after = self.client.status()
        self.assertEqual((after["late"] - before["late"], after["late_dropped"] - before["late_dropped"]), (2, 2))
        self.assertEqual(self.client.sounds()["long"]["n_voices"], 0)
        self.client.do("/play", "long", "id", 1)  # the id is free again

    def test_in_time_nothing_is_dropped(self):
        self.send_and_wait(osc("/play", "long", "id", 1, "policy", "drop"), time_tag=tag(0.3))
        until(lambda: self.is_voice(1), "the voice")
        self.assertEqual(self.client.seen, [])

    # ---- taken back ----

    def test_clear(self):
        for i in range(6):
            self.client.do("/play", "long", "id", i, "at", 20.0, "notify", 1, "tag", "odd" if i % 2 else "even")
        self.client.do("/voice/set", 3, "gain", -6.0, "pan", 0.0, "at", 21.0)
        self.client.do("/play", "long", "id", "bell", "at", 20.0)
        self.assertEqual(self.scheduled(), 9)  # commands
        self.assertEqual(self.client.do("/clear", "odd", "#5"), [3, "#5"])  # messages
        self.assertEqual({m[1]: m[2] for m in self.client.seen}, {1: "cancelled", 3: "cancelled", 5: "cancelled"})
        self.client.seen = []
        self.assertEqual(self.client.do("/clear", 3), [1])  # the change of the voice that was to be
        self.assertEqual(self.client.do("/clear", 4), [1])
        self.assertEqual(self.client.do("/clear", "bell"), [1])
        self.assertEqual(self.client.do("/clear", "bell"), [0])
        self.assertEqual(self.client.do("/clear", 77), [0])
        self.assertEqual(set(self.client.voices()), {0, 2})
        self.client.seen = []
        self.assertEqual(self.client.do("/clear", "all"), [2])
        self.assertEqual((self.client.voices(), self.scheduled()), ({}, 0))

    def test_clear_leaves_what_plays(self):
        self.client.do("/play", "long", "id", 1, "tag", "x")
        self.client.do("/stop", 1, "at", 20.0, "tag", "x")
        self.assertEqual(self.client.do("/clear", "x"), [1])
        self.assertTrue(self.is_voice(1))

    def test_a_full_schedule(self):
        refused = self.client.status()["scheduled_refused"]
        message = osc("/bus/set", "master", "gain", 0.0, "pan", 0.0, "at", 100.0)  # two commands
        for _ in range(32):
            self.assertEqual({a[0] for a in self.send_and_wait(*[message] * 64)}, {"/done"})
        self.assertEqual(self.scheduled(), 4096)
        answers = self.send_and_wait(osc("/play", "long", "id", 1), osc("/play", "long", "id", 2, "at", 1.0, "#1"))
        self.assertEqual([a[2] for a in answers], ["not_done", "full"])
        self.assertIn("4096/4096", answers[1][3])
        self.assertEqual(answers[1][-1], "#1")
        self.assertEqual(self.client.voices(), {})
        self.assertEqual(self.client.status()["scheduled_refused"], refused + 1)
        self.client.do("/play", "long", "id", 1)  # what has no time needs no place
        self.assertEqual(self.client.do("/clear", "all"), [2048])
        self.assertEqual(self.scheduled(), 0)

    def test_a_client_that_has_gone(self):
        other = self.daemon.client()
        other.do("/play", "long", "id", 1, "at", 0.2, "notify", 1)
        other.close()
        until(lambda: self.is_voice(1), "the voice")


@unittest.skipIf(SANITIZE, "sanitizers want to be loaded first")
class ClockSteps(unittest.TestCase):
    """The system's clock is set: what is scheduled stays as far from now as it was."""

    @contextlib.contextmanager
    def daemon(self, **more):
        """With its clocks: 8 bytes by which somebody has set it, and 8 by which the machine has slept."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(16))
            file.flush()
            with Daemon(environment={"STEP_CLOCK": file.name}, preload=os.environ["CHIMED_STEP_CLOCK"], **more) as daemon:
                yield daemon, mmap.mmap(file.fileno(), 16)

    def test_steps(self):
        with self.daemon() as (daemon, step):
            self.set_the_clock(daemon, step)

    def test_steps_on_a_server(self):
        """The sound does not notice: what plays goes on without a gap."""
        with jack_server.Server(period=1024) as server, self.daemon(
                backend="jack", config=f"[output]\njack_server = {server.name}\n") as (daemon, step):
            daemon.client().do("/sound/load", "hum", daemon.sound("hum.wav", wav([1000] * RATE)))
            daemon.client().do("/play", "hum", "id", 9, "loop", 1, "pan", -1.0)
            daemon.client().do("/sync", 1)
            capture = server.capture(60, 1)
            self.set_the_clock(daemon, step)
            capture.end(True)
            self.assertNotIn(0, capture.channels[0])
            self.assertIn(9, daemon.client().voices())

    def test_the_machine_sleeps(self):
        """What was due meanwhile is late, and told; what is not due yet comes in its time; nothing has been set."""
        with self.daemon() as (daemon, step):
            client = daemon.client()
            client.do("/sound/load", "click", daemon.sound("click.wav", CLICK))
            client.do("/play", "click", "id", 1, "at", 10.0, "notify", 1)
            client.do("/play", "click", "id", 2, "at", 100.0, "notify", 1, "policy", "drop")
            client.do("/play", "click", "id", 3, "at", 3601.5, "notify", 1)
            client.do("/play", "click", "id", 4, "at", 9000.0)
            client.do("/sync", 1)
            began = time.monotonic()
            step[8:] = struct.pack("=q", int(3600 * 1e9))
            late = client.wait_for(lambda m: m[0] == "/late")
            self.assertAlmostEqual(late[-1] / RATE, 3590, delta=100)  # the rate of the clock is not known so soon
            client.wait_for(lambda m: "started" in m[0] and m[1] == 1)
            client.wait_for(lambda m: "ended" in m[0] and m[1] == 2 and m[2] == "dropped")
            client.wait_for(lambda m: "started" in m[0] and m[1] == 3)
            self.assertGreater(time.monotonic() - began, 1)
            self.assertEqual(client.do("/clear", "all"), [1])
            status = client.status()
            self.assertEqual((status["clock_steps"], status["health"]), (0, "healthy"))
            self.assertLess(abs(client.do("/time")[1] / 2**32 - (time.time() + EPOCH + 3600)), 1)
            until(lambda: "the machine has slept for 3600.0 s" in daemon.stderr(), "it is told")

    def test_a_sleep_is_nobodys_fault(self):
        """All threads stand still around it: what could not be played is not put down to a late wake-up."""
        with self.daemon() as (daemon, step):
            client = daemon.client()
            client.do("/sound/load", "click", daemon.sound("click.wav", CLICK))
            until(lambda: client.do("/time")[0] > RATE // 2, "it plays")
            before = client.status()
            client.do("/play", "click", "id", 1, "at", 1.0)
            client.do("/sync", 1)
            os.kill(daemon.process.pid, signal.SIGSTOP)
            time.sleep(0.5)
            step[8:] = struct.pack("=q", int(60 * 1e9))
            os.kill(daemon.process.pid, signal.SIGCONT)
            self.assertGreater(client.wait_for(lambda m: m[0] == "/late")[-1], 59.2 * RATE)
            until(lambda: client.status()["xruns"] > before["xruns"], "it is counted")
            after = client.status()
            self.assertGreater(after["xruns_device"], before["xruns_device"])
            if after["xruns"] - before["xruns"] == 1:  # a busy machine has others, too
                self.assertEqual(after["xruns_late"], before["xruns_late"])

    def test_the_process_is_stopped(self):
        """SIGSTOP for 2 s: time has gone on, and what was due meanwhile is late."""
        with self.daemon() as (daemon, _):
            client = daemon.client()
            client.do("/sound/load", "click", daemon.sound("click.wav", CLICK))
            client.do("/play", "click", "id", 1, "at", 1.0, "notify", 1)
            client.do("/play", "click", "id", 2, "at", 4.0, "notify", 1)
            client.do("/sync", 1)
            began = time.monotonic()
            os.kill(daemon.process.pid, signal.SIGSTOP)
            time.sleep(2)
            os.kill(daemon.process.pid, signal.SIGCONT)
            self.assertGreater(client.wait_for(lambda m: m[0] == "/late")[-1], 0)
            client.wait_for(lambda m: "started" in m[0] and m[1] == 2)
            self.assertGreater(time.monotonic() - began, 3.8)
            self.assertLess(abs(client.do("/time")[1] / 2**32 - (time.time() + EPOCH)), 0.5)
            self.assertEqual(client.status()["clock_steps"], 0)

    def set_the_clock(self, daemon, step):
        client = daemon.client()
        client.do("/sound/load", "click", daemon.sound("click.wav", CLICK))
        for n, seconds in enumerate((3600, 0, -86400, 0.1), 1):
            client.do("/play", "click", "id", 1, "at", 0.6, "notify", 1)
            client.do("/play", "click", "id", 2, "at", 3000.0)
            client.do("/sync", 1)  # the audio thread has both
            began = time.monotonic()
            step[:8] = struct.pack("=q", int(seconds * 1e9))
            client.wait_for(lambda m: "started" in m[0] and m[1] == 1)
            self.assertGreater(time.monotonic() - began, 0.5)
            client.wait_for(lambda m: "ended" in m[0])
            self.assertEqual(client.do("/clear", "all"), [1])  # the other one was not touched
            status = client.status()
            self.assertEqual((status["clock_steps"], status["late"]), (n, 0))
            self.assertLess(abs(client.do("/time")[1] / 2**32 - (time.time() + EPOCH + seconds)), 1)
        self.assertEqual(daemon.stderr().count("the system's clock has jumped by"), 4)
        self.assertIn("jumped by +3600.", daemon.stderr())


class Heard(unittest.TestCase):
    """On a JACK server, sample by sample. Its timer is late when the machine is busy, and then so are its frames against
    the system's clock: what is asserted holds on a busy machine, too, and the figures are printed."""

    PERIOD = 1024

    @classmethod
    def setUpClass(cls):
        cls.server = jack_server.Server(period=cls.PERIOD).__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.daemon = Daemon(backend="jack", config=f"[output]\njack_server = {cls.server.name}\n")
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        client = cls.daemon.client()
        client.do("/sound/load", "click", cls.daemon.sound("click.wav", CLICK))
        time.sleep(1.5)  # the clock has found its pace

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def setUp(self):
        self.client = self.daemon.client()

    def clicks(self, capture):
        """The frame of each click; several of one frame count as many."""
        time.sleep(0.3)
        capture.end(True)
        return [i for i, s in enumerate(capture.channels[0]) for _ in range(round(s * 2))]

    def test_distances(self):
        """Events N frames apart sound N frames apart, within one."""
        for n_frames in 10, 441, 3000:
            capture, first = self.server.capture(10, 1), tag(0.3)
            self.client.send(bundle(*(bundle(osc("/play", "click", "pan", -1.0), time_tag=first + (i * n_frames << 32) // RATE)
                                      for i in range(40))))
            time.sleep(0.3 + 40 * n_frames / RATE)
            clicks = self.clicks(capture)
            self.assertEqual(len(clicks), 40)
            off = [b - a - n_frames for a, b in zip(clicks, clicks[1:])]
            print(f"{n_frames} frames apart: off by {min(off)} to {max(off)}, JACK left out {capture.n_skips}")
            if not capture.n_skips and not capture.n_xruns:
                self.assertLessEqual(max(map(abs, off)), 1)

    def play_at_random(self, keys):
        """When each of 200 plays was sent, and heard. Again where JACK leaves some out, or plays cycles too late."""
        r = random.Random(4)
        for _ in range(5):
            capture, sent = self.server.capture(30, 1), []
            for _ in range(200):
                time.sleep(r.uniform(0.01, 0.05))
                sent.append(time.monotonic())
                self.client.send(osc("/play", "click", "pan", -1.0, *keys))
            clicks = self.clicks(capture)
            if len(clicks) == 200 or not (capture.n_skips or capture.n_xruns):
                break
        self.assertEqual(len(clicks), 200)
        return sent, clicks

    def latencies(self, *keys):
        """Of 200 plays at random moments: frames from sending to sounding, against their median."""
        sent, clicks = self.play_at_random(keys)
        raw = [click - s * RATE for click, s in zip(clicks, sent)]
        # The server's timer and the system's clock drift apart: against the median of those around.
        near = [statistics.median(raw[max(i - 10, 0):i + 11]) for i in range(200)]
        return sorted(a - b for a, b in zip(raw, near))

    def test_the_latency_is_constant(self):
        """Without a time it is one period, always; `immediate`: any part of one."""
        spread = {}
        for keys in (), ("immediate", 1):
            found = self.latencies(*keys)
            spread[keys] = found[150] - found[50]
            print(f"{keys or 'plain'}: frames from the median: min {found[0]:.1f}, 5 % {found[10]:.1f}, 25 % {found[50]:.1f}, "
                  f"75 % {found[150]:.1f}, 95 % {found[190]:.1f}, max {found[-1]:.1f}")
        self.assertLess(spread[()], 24)  # half a millisecond; 1.3 frames on a quiet machine
        self.assertGreater(spread["immediate", 1], self.PERIOD / 4)  # the test can tell


if __name__ == "__main__":
    unittest.main(verbosity=2)
