#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_events.py - what subscribers are told, how often, and for how long.
"""Needs CHIMED and CHIME."""
import os
import socket
import time
import unittest

import harness


def take(client, seconds):
    """What comes within so many seconds."""
    got, end = [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if (message := client.receive(left)) is not None:
            got.append(message)
    return got


def paths(messages):
    return {m[0] for m in messages}


class Events(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon(udp=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.player = self.daemon.client()
        path = self.daemon.sound("tone.wav", harness.wav(harness.sine(9600)))
        self.player.do("/sound/load", "tone", path)

    def listen(self, *words, udp=False):
        client = self.daemon.client(udp=udp)
        client.do("/subscribe", *words)
        return client

    def test_the_life_of_a_voice(self):
        listener = self.listen("/voice/*")
        self.player.do("/play", "tone", "id", 7)
        self.assertEqual(listener.wait_for(lambda m: m[0] == "/voice/started"), ["/voice/started", 7, "tone"])
        self.assertEqual(listener.wait_for(lambda m: m[0] == "/voice/ended"), ["/voice/ended", 7, "finished"])
        self.player.do("/play", "tone", "id", "bell", "loop", 1, "loop_end", 0.05)
        listener.wait_for(lambda m: m == ["/voice/started", "bell", "tone"])
        listener.wait_for(lambda m: m == ["/voice/looped", "bell"])
        self.player.do("/pause", "bell")
        listener.wait_for(lambda m: m == ["/voice/paused", "bell"])
        self.player.do("/resume", "bell")
        listener.wait_for(lambda m: m == ["/voice/resumed", "bell"])
        self.player.do("/stop", "bell")
        listener.wait_for(lambda m: m == ["/voice/ended", "bell", "stopped"])

    def test_nobody_hears_what_he_did_not_ask_for(self):
        listener = self.listen("/voice/ended")
        self.player.do("/play", "tone")
        self.assertEqual(paths(take(listener, 0.6)), {"/voice/ended"})

    def test_states_come_once_and_then_when_they_change(self):
        listener = self.listen("/{xruns,lateness,lost,meter}", 0.05)
        first = take(listener, 0.3)
        self.assertEqual(paths(first), {"/xruns", "/lateness", "/lost", "/meter"})
        self.assertEqual(len(first), len({tuple(m[:2]) for m in first}), first)  # silence is told once
        self.player.do("/play", "tone")
        meters = [m for m in take(listener, 0.6) if m[0] == "/meter"]
        self.assertGreater(max(m[2] for m in meters), -20)
        self.assertEqual(take(listener, 0.3), [])

    def test_not_more_often_than_the_interval(self):
        listener = self.listen("/meter", 1.0)
        self.player.do("/play", "tone", "loop", 1, "loop_end", 0.03)
        self.assertLessEqual(len(take(listener, 2.5)), 4)

    def test_lateness_and_loads(self):
        listener = self.listen("/lateness", 0.02)
        self.player.send(harness.bundle(harness.osc("/play", "tone"), time_tag=2 << 32))
        listener.wait_for(lambda m: m == ["/lateness", 1])

    def test_the_log(self):
        listener = self.listen("/log")
        self.daemon.chime("load", "/nonexistent")
        os.kill(self.daemon.process.pid, 1)  # SIGHUP is logged
        message = listener.wait_for(lambda m: m[0] == "/log")
        self.assertIn(message[1], ("info", "warning", "error"))
        self.assertTrue(message[2])

    def test_a_lease_ends_unless_it_is_renewed(self):
        listener = self.listen("/voice/started", 0.1, 1.0)
        time.sleep(0.6)
        listener.do("/subscribe", "/voice/started", 0.1, 1.0)
        time.sleep(0.6)
        self.player.do("/play", "tone", "id", 1)
        listener.wait_for(lambda m: m[:2] == ["/voice/started", 1])
        time.sleep(1.0)
        self.player.do("/play", "tone", "id", 2)
        self.assertEqual(take(listener, 0.3), [])

    def test_unsubscribe(self):
        listener = self.listen("/voice/started")
        listener.do("/subscribe", "/meter")
        self.assertEqual(listener.call("/unsubscribe", "/voice/started")[2:], [1])
        self.assertEqual(listener.call("/unsubscribe")[2:], [1])
        self.assertEqual(listener.call("/unsubscribe")[2:], [0])
        take(listener, 0.2)
        self.player.do("/play", "tone")
        self.assertEqual(take(listener, 0.3), [])

    def test_limits_and_bad_patterns(self):
        listener = self.daemon.client()
        for i in range(64):
            listener.do("/subscribe", f"/{{xruns,{i}}}", 10.0)
        self.assertEqual(listener.call("/subscribe", "/xruns")[:3], ["/error", "/subscribe", "refused"])
        self.assertEqual(self.player.call("/subscribe", "/[x")[:3], ["/error", "/subscribe", "bad_arguments"])
        self.assertEqual(self.player.call("/subscribe", "/nothing")[:3], ["/error", "/subscribe", "bad_arguments"])
        self.assertEqual(self.player.call("/subscribe", "/load", 0.001)[:3], ["/error", "/subscribe", "out_of_range"])

    def test_over_udp(self):
        listener = self.listen("/voice/*", udp=True)
        self.player.do("/play", "tone", "id", 9)
        listener.wait_for(lambda m: m[:2] == ["/voice/started", 9])

    def test_a_flood_of_events_is_cut_and_told(self):
        listener = self.listen("/voice/started", 1.0)
        for i in range(600):
            self.player.send(harness.osc("/play", "tone", "gain", -100.0))
        missed = listener.wait_for(lambda m: m[0] == "/missed")
        self.assertGreater(missed[1], 0)

    def test_clients_that_have_gone_cost_nothing(self):
        for _ in range(50):
            client = self.listen("//", 0.01, 3600.0)
            client.close()
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(self.daemon.stream)
                stream.sendall(b"subscribe // 0.01 3600\n")
                stream.recv(4096)
        listener = self.listen("/voice/ended")
        self.player.do("/play", "tone", "id", 3)
        self.assertEqual(listener.wait_for(lambda m: m[0] == "/voice/ended"), ["/voice/ended", 3, "finished"])
        harness.until(lambda: self.player.status()["subscriptions"] == 1, "the end of what nobody reads")


if __name__ == "__main__":
    unittest.main()
