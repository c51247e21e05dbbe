#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_play.py - voices and buses as people play them, from every kind of client: what is asked for is what happens.
import contextlib
import itertools
import json
import math
import os
import signal
import stat
import subprocess
import time
import unittest

import liblo

from harness import osc, sine, until, wav
from playing import Playing


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
        with open(self.daemon.write("packet", osc("/play", "long", "id", 21)), "rb") as packet:  # nc waits for no pipe
            subprocess.run(["nc", "-u", "-w0", "127.0.0.1", str(self.daemon.port)], check=True, stdin=packet)
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

    def test_udp_and_tcp_are_for_this_machine_only(self):
        wanted = f":{self.daemon.port:04X}"
        local = {"": "0100007F", "6": "00000000000000000000000001000000"}
        for protocol, family in itertools.product(("udp", "tcp"), ("", "6")):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{protocol}{family}", encoding="ascii") as file:
                rows = [line.split() for line in file]
                bound = [row[1] for row in rows if row[1].endswith(wanted) and row[3] in ("07", "0A")]  # listening
                self.assertEqual(bound, [local[family] + wanted], protocol + family)

    def test_socket_mode(self):
        for path in self.daemon.socket, self.daemon.stream:
            mode = os.stat(path).st_mode
            self.assertTrue(stat.S_ISSOCK(mode))
            self.assertEqual(stat.S_IMODE(mode), 0o660)


if __name__ == "__main__":
    unittest.main(verbosity=2)
