#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_valgrind.py - a daemon and a render under valgrind: no wrong access, nothing lost.
import os
import re
import subprocess
import sys
import tempfile
import unittest

import harness
import soak
import traffic

WRONG = 99
# No suppressions: nothing that is linked needs one.
VALGRIND = ["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
            f"--error-exitcode={WRONG}"]
traffic.EXPECTED.add("internal")  # a /play of what is not loaded looks for a file; see hand_over()


def hand_over(client):
    """Lets a client send files and not their paths: valgrind 3.19 has no openat2()."""
    plain = client.call

    def call(path, *args, fds=()):
        if path != "/sound/load":
            return plain(path, *args, fds=fds)
        with open(args[1], "rb") as file:
            return plain(path, *args, fds=[file.fileno()])
    client.call = call
    return client


class Valgrind(unittest.TestCase):
    def check(self, code, said, expected):
        self.assertEqual(code, expected, said[-6000:])
        self.assertEqual(re.findall(r"ERROR SUMMARY: (\d+) errors", said), ["0"], said[-6000:])

    def test_daemon(self):
        daemon = harness.Daemon("--debug-memory", "--voices", "64", "--period", "4096",
                                config="[engine]\nlock_memory = no\n", udp=True)
        self.addCleanup(daemon.remove)
        daemon.preload = {}  # the guard has the functions that valgrind needs
        daemon.options = [*VALGRIND[1:], harness.CHIMED, *daemon.options]
        daemon.program = VALGRIND[0]
        daemon.start()
        make_client = daemon.client
        daemon.client = lambda **more: hand_over(make_client(**more))
        session = traffic.Traffic(daemon, seed=5).run(4)
        self.assertGreater(sum(session.counts.values()), 100)
        daemon.client(udp=True).do("/ping")
        daemon.client().do("/play", "t0", "loop", 1)  # still plays when it leaves
        daemon.process.terminate()
        code, said = daemon.wait(60)
        self.check(code, said, 0)
        self.assertEqual(soak.Report(said.split("HEAP SUMMARY")[0].rpartition("\n")[0]).lost, 0)

    def test_render(self):
        with tempfile.TemporaryDirectory(prefix="chimed-test-") as folder:
            score = soak.Score(folder, 6)
            with open(os.path.join(folder, "score"), "wb") as file:
                file.writelines(score.play(10))
            result = subprocess.run([*VALGRIND, harness.CHIMED, "render", file.name, os.path.join(folder, "out.wav"),
                                     "--debug-memory"], check=False, capture_output=True, text=True, errors="replace")
        self.check(result.returncode, result.stderr, 1)  # something of the score was refused


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
