#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_lives.py - how a daemon begins and ends: configuration, flags, signals.
import os
import signal
import time
import unittest

from harness import NOBODY, Daemon, osc, run_chimed, until, wav
from playing import seconds

IS_ROOT = os.geteuid() == 0


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
        for name in "columns", "command and event queues", "sounds", "sockets":
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
