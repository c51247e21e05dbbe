#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_soak.py - minutes of audio with everything at random: the memory at the end is the memory at the start.
import os
import re
import subprocess
import sys
import tempfile
import unittest

from harness import CHIMED, Daemon, SANITIZE, osc, until, wav
from soak import Report, Score
from traffic import Traffic

MINUTES = 1 if SANITIZE else 5


class Rendered(unittest.TestCase):
    def render(self, seconds, seed, *options):
        with tempfile.TemporaryDirectory(prefix="chimed-test-") as folder:
            score = Score(folder, seed)
            with open(os.path.join(folder, "score"), "wb") as file:
                file.writelines(score.play(seconds))
            result = subprocess.run([CHIMED, "render", file.name, "/dev/null", "--debug-memory", *options], check=False,
                                    capture_output=True, text=True, errors="replace", timeout=280)
        return score, result

    def check(self, score, result, seconds):
        self.assertEqual(result.returncode, 1, result.stderr[-2000:])  # something of the score was refused
        report = Report(result.stderr)
        self.assertTrue(report.is_clean(), vars(report))
        end = re.search(r"null: ([\d.]+) s, (\d+) voices started, \d+ clipped samples, (\d+) errors", result.stderr)
        self.assertAlmostEqual(float(end[1]), seconds + 2, delta=0.001)
        self.assertGreater(int(end[2]), seconds // 2)
        self.assertGreaterEqual(int(end[3]), score.n_wrong)
        self.assertGreater(report.regions["sounds"][2], 0)

    def test_total_memory_at_the_end_is_that_at_the_start(self):
        for seed in 1, 2:
            score, result = self.render(MINUTES * 30, seed)
            self.check(score, result, MINUTES * 30)

    def test_with_few_of_everything(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("[engine]\nvoices = 2\nbuses = 4\nsounds = 3\nsound_memory = 1\nqueue = 64\n")
            file.flush()
            score, result = self.render(60, 3, "-c", file.name, "--block", "17")
        self.check(score, result, 60)
        for pool in "voices 2/2", "buses 4/4", "sounds 3/3":
            self.assertIn(f"refused {pool}", result.stderr)


class Live(unittest.TestCase):
    def test_daemon(self):
        daemon = Daemon("--debug-memory").start()
        self.addCleanup(daemon.remove)
        traffic = Traffic(daemon, seed=4).run(1 if SANITIZE else 3)
        client = traffic.client
        for name in list(client.sounds()):
            client.call("/sound/unload", name)  # some are unloading already
        until(lambda: not client.sounds(), "all sounds are gone")
        daemon.process.terminate()
        code, said = daemon.wait()
        self.assertEqual(code, 0, said)
        self.assertTrue(Report(said).is_clean(), said)

    def test_what_is_still_loaded_is_not_lost(self):
        daemon = Daemon("--debug-memory").start()
        self.addCleanup(daemon.remove)
        client = daemon.client()
        path = daemon.sound("a.wav", wav([1] * 100000))
        client.do("/sound/load", "a", path)
        client.do("/play", path, "loop", 1)
        for i in range(50):  # some of these come back when nobody waits any more
            client.send(osc("/sound/load", f"n{i}", path))
        daemon.process.terminate()
        code, said = daemon.wait()
        report = Report(said)
        self.assertEqual((code, report.lost, report.verdict), (0, 0, "nothing was lost"), said)
        self.assertGreaterEqual(report.n_sounds, 2)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
