#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_dump.py - long lists come whole, and what chime dump writes rebuilds the state: in a fresh daemon, in the same
# one, and in a file that chimed renders.
import os
import struct
import subprocess
import unittest

from harness import CHIMED, Client, Daemon, Wav, messages, osc, sine, until, wav
from playing import Playing, seconds

RATE = 48000


class Lists(Playing):
    OPTIONS = ("--voices", "3000")

    def test_a_thousand_voices(self):
        for i in range(1000):
            self.client.send(osc("/play", "long", "id", i if i % 2 else f"voice {i}", "gain", -i / 10, "loop", 1))
        answers = [self.client.answer("/play") for _ in range(1000)]
        self.assertEqual({a[0] for a in answers}, {"/done"})
        for _ in range(3):
            voices = self.client.voices()
            self.assertEqual(set(voices), {i if i % 2 else f"voice {i}" for i in range(1000)})
            for i in 0, 501, 998:
                self.assertAlmostEqual(voices[i if i % 2 else f"voice {i}"]["gain"], -i / 10, delta=1e-5)

    def test_voices_that_end_meanwhile_are_left_out(self):
        """As many items as are announced, whatever happens between question and answer; the harness compares."""
        for _ in range(20):
            for _ in range(100):
                self.client.send(osc("/play", "short", "start", 0.047))
            self.client.voices()
            for _ in range(100):
                self.client.answer("/play")
        until(lambda: self.client.status()["voices"] == 0, "the end of all")

    def test_many_lists_at_once(self):
        self.client.do("/play", "long", "id", 1)
        other = self.daemon.client()
        for path in ("/voice/list", "/bus/list", "/sound/list", "/dump", "/status") * 20:
            self.client.send(osc(path, "#1"))
            other.send(osc(path, "#2"))
        for client, its in (self.client, "#1"), (other, "#2"):
            for path, info in (("/voice/list", "/voice/info"), ("/bus/list", "/bus/info"), ("/sound/list", "/sound/info"),
                               ("/dump", "/play"), ("/status", "/status/info")):
                answers = [client.answer(path) for _ in range(20)]
                self.assertEqual({(a[0], a[-1]) for a in answers}, {("/done", its)}, answers)
                items = [m for m in client.seen if m[0] == info]
                self.assertGreaterEqual(len(items), 20 if path != "/dump" else 0)
            client.seen.clear()
        other.close()

    def test_a_client_that_vanishes(self):
        for _ in range(500):
            self.client.send(osc("/play", "long", "loop", 1))
            self.client.answer("/play")
        for _ in range(20):
            gone = self.daemon.client()
            gone.send(osc("/voice/list"))
            gone.close()
        self.assertEqual(len(self.client.voices()), 500)

    def test_too_many_wait(self):
        """What is too much is refused, and all else is answered."""
        self.client.do("/play", "long")
        for _ in range(400):
            self.client.send(osc("/voice/list"))
        answers = [self.client.answer("/voice/list") for _ in range(400)]
        refused = [a for a in answers if a[0] == "/error"]
        self.assertEqual({a[2] for a in refused} - {"refused"}, set())
        self.assertLess(len(refused), 400 - 255)
        self.client.seen.clear()


def read(data):
    """The messages of a dump."""
    found, at = [], 0
    while at < len(data):
        n, = struct.unpack_from(">i", data, at)
        found += messages(data[at + 4:at + 4 + n])
        at += 4 + n
    return found


class Dump(unittest.TestCase):
    CONFIG = "[bus speech]\ngain = -4\n"

    def setUp(self):
        self.daemon = Daemon(config=self.CONFIG, udp=True)
        self.addCleanup(self.daemon.remove)
        self.bell = self.daemon.sound("bell.wav", seconds(2))
        self.click = self.daemon.sound("click.wav", wav([v for s in sine(24000, 300) for v in (s, -s)], 2))
        self.daemon.start()
        self.client = self.daemon.client()

    def tearDown(self):
        if self.daemon.process.poll() is None:
            self.daemon.stop()

    def set_up(self, daemon):
        client = daemon.client()
        client.do("/sound/load", "bell", self.bell)
        client.do("/bus/new", "music")
        client.do("/bus/new", "drums", "music")
        client.do("/bus/set", "drums", "gain", -7.5, "pan", 0.25, "mute", 1)
        client.do("/bus/set", "music", "solo", 1, "out", 2, "width", 1)
        client.do("/bus/set", "speech", "gain", "+1")
        client.do("/play", "bell", "id", "loop", "loop", 1, "gain", -3.25, "bus", "drums")
        client.do("/play", "bell", "id", 7, "loop_count", 5, "loop_start", 0.25, "loop_end", 1.5, "rate", 1.25,
                  "quality", "sinc", "paused", 1)
        client.do("/play", self.click, "id", 8, "paused", 1, "start", 0.2, "end", 0.4, "fade_out", 0.01, "pan", -0.5)
        client.do("/play", "bell", "id", 9, "rate", -0.5, "loop", 1, "start", 1.0, "paused", 1)
        client.do("/play", "bell", "id", "ends", "start", 1.0)  # does not loop: no part of the state
        client.do("/seek", 9, 0.75)
        client.do("/voice/set", 7, "gain", "-2", "quality", "linear", "ramp", 0.1)

    def dump(self, daemon, *more):
        result = subprocess.run([os.environ["CHIME"], "dump", *more], env=daemon.environment, capture_output=True)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout

    @staticmethod
    def by_voice(found):
        """The messages, and of each voice its keys; where one that plays is now is left out."""
        voices, others = {}, []
        for path, *args in found:
            if path != "/play":
                others.append([path, *args])
                continue
            keys = dict(zip(args[1::2], args[2::2]))
            if not keys["paused"]:
                keys.pop("start")
            voices[keys["id"]] = (args[0], keys)
        return others, voices

    def restore(self, daemon, data, returns=0):
        path = daemon.write("show.osc", data)
        result = daemon.chime("restore", path)
        self.assertEqual(result.returncode, returns, result.stderr)
        return result

    def test_what_it_says(self):
        self.set_up(self.daemon)
        others, voices = self.by_voice(read(self.dump(self.daemon)))
        self.assertEqual(others[0], ["/sound/load", "bell", self.bell])
        self.assertEqual([m[1:] for m in others if m[0] == "/bus/new"],
                         [["speech", "master"], ["music", "master"], ["drums", "music"]])
        drums = next(m for m in others if m[:2] == ["/bus/set", "drums"])
        self.assertEqual(drums[2:], ["gain", -7.5, "pan", 0.25, "mute", 1, "solo", 0, "out", 0, "width", 2])
        self.assertEqual(set(voices), {"loop", 7, 8, 9})
        sound, keys = voices[7]
        self.assertEqual(sound, "bell")
        for key, value in (("gain", -2), ("rate", 1.25), ("quality", "linear"), ("loop", 1), ("loop_count", 5),
                           ("loop_start", 0.25), ("loop_end", 1.5), ("paused", 1), ("start", 0)):
            self.assertEqual(keys[key], value, key)
        self.assertEqual(voices[8][0], self.click)
        self.assertEqual((voices[8][1]["start"], voices[8][1]["end"], voices[8][1]["loop"]), (0.2, 0.4, 0))
        self.assertEqual((voices[9][1]["start"], voices[9][1]["rate"]), (0.75, -0.5))

    def test_round_trip(self):
        self.set_up(self.daemon)
        data = self.dump(self.daemon)
        with Daemon(config=f"allow = {self.daemon.sounds}\n{self.CONFIG}") as fresh:
            result = self.restore(fresh, data)
            self.assertEqual(result.stdout, f"restored {len(read(data))} messages, 0 refused\n")
            again = self.dump(fresh)
            self.assertEqual(self.by_voice(read(again)), self.by_voice(read(data)))
            client = fresh.client()
            self.assertEqual(client.voices()["loop"]["state"], "playing")

    def test_all_at_once(self):
        """As plain messages in a row, without waiting for answers: plays wait for their loads."""
        self.set_up(self.daemon)
        data = self.dump(self.daemon)
        self.daemon.stop()
        daemon = Daemon(config=self.CONFIG)
        self.addCleanup(daemon.remove)
        for name in "bell", "click":
            daemon.sound(f"{name}.wav", seconds(2) if name == "bell" else wav([0] * 48000, 2))
        moved = [[daemon.sounds + a[len(self.daemon.sounds):] if isinstance(a, str) and a.startswith(self.daemon.sounds) else a
                  for a in m] for m in read(data)]
        daemon.start()
        client = daemon.client()
        for path, *args in moved:
            client.send(osc(path, *(("d", a) if isinstance(a, float) else a for a in args)))
        for path, *args in moved:
            answer = client.answer(path)
            self.assertTrue(answer[0] == "/done" or answer[:3] == ["/error", "/bus/new", "taken"], answer)
        self.assertEqual(self.by_voice(read(self.dump(daemon)))[1].keys(), {"loop", 7, 8, 9})
        daemon.stop()

    def test_chimed_renders_it(self):
        self.set_up(self.daemon)
        self.client.do("/bus/set", "music", "out", 1, "width", 2)
        self.client.do("/bus/set", "drums", "mute", 0)
        path = self.daemon.write("show.osc", self.dump(self.daemon))
        out = self.daemon.path("show.wav")
        result = subprocess.run([CHIMED, "render", path, out, "--seconds", "1"], capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreater(max(Wav(out).channels[0]), 1000)

    def test_positions(self):
        """In the middle of a loop whose beginning lies before, and behind a loop's end."""
        self.client.do("/sound/load", "bell", self.bell)
        self.client.do("/play", "bell", "id", 1, "loop", 1, "loop_start", 0.5, "loop_end", 1.0, "start", 0.25)
        self.client.do("/play", "bell", "id", 2, "loop", 1)
        self.client.do("/seek", 2, 1.5)
        until(lambda: dict(self.starts())[1] > 0.6, "its place in the loop")
        self.assertGreater(dict(self.starts())[2], 1.5)
        self.client.do("/pause", "all")
        until(lambda: {v["state"] for v in self.client.voices().values()} == {"paused"}, "silence")
        first = self.starts()
        self.assertEqual(first, self.starts())

    def starts(self):
        return sorted((keys["id"], keys["start"]) for _, keys in
                      ((m[1], dict(zip(m[2::2], m[3::2]))) for m in read(self.dump(self.daemon)) if m[0] == "/play"))

    def test_what_cannot_be_rebuilt_is_counted(self):
        with open(self.bell, "rb") as file:
            self.client.do("/sound/load", "handed", "bell.wav", fds=[file.fileno()])
        self.client.do("/play", "handed", "id", 1, "loop", 1)
        self.client.do("/sound/load", "bell", self.bell)
        self.client.do("/play", "bell", "id", 2, "loop", 1)
        self.client.do("/sound/load", "bell", self.click)  # the name stands for another one now
        self.assertEqual(self.client.do("/dump")[1], 3)
        result = subprocess.run([os.environ["CHIME"], "dump"], env=self.daemon.environment, capture_output=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"3 sounds and voices are left out", result.stderr)

    def test_errors(self):
        self.set_up(self.daemon)
        data = self.dump(self.daemon)
        result = self.restore(self.daemon, data, returns=1)  # its voices are there
        self.assertIn("/play bell: voice loop is playing", result.stderr)
        self.assertIn("4 refused", result.stdout)
        self.assertIn("cut short", self.restore(self.daemon, data[:-3], returns=1).stderr)
        self.assertIn("is no dump", self.restore(self.daemon, b"/play bell\n", returns=1).stderr)
        self.assertIn("No such file", self.daemon.chime("restore", "/none").stderr)
        self.assertEqual(self.restore(self.daemon, b"").stdout, "restored 0 messages, 0 refused\n")
        with open("/dev/full", "wb") as full:
            result = subprocess.run([os.environ["CHIME"], "dump"], env=self.daemon.environment, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot be written", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
