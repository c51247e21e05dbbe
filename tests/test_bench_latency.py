#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bench_latency.py - chime bench latency: on its own, of a daemon, its figures, its verdict and its pictures.
"""Needs CHIMED and CHIME. How late this machine is, is no matter: what is said of it is."""
import json
import os
import pty
import resource
import shutil
import subprocess
import tempfile
import unittest

import harness

SPREAD = {"n", "min_us", "mean_us", "p50_us", "p99_us", "p999_us", "max_us", "buckets"}
KEYS = {"source", "on", "seconds", "rate", "period", "period_us", "priority", "wake_up", "block", "xruns", "holds", "verdict"}


def bench(*options, url=None, **how):
    environment = {key: value for key, value in os.environ.items() if key != "CHIME_URL"}
    return subprocess.run([harness.CHIME, *(["--url", url] if url else []), "bench", "latency", *options], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, check=False, timeout=120, env=environment, **how)


class Latency(unittest.TestCase):
    def check(self, report):
        """What must hold of any measurement."""
        self.assertEqual(set(report), KEYS)
        for name in "wake_up", "block":
            spread = report[name]
            self.assertEqual(set(spread), SPREAD)
            self.assertEqual(sum(b["n"] for b in spread["buckets"]), spread["n"])
            ends = [b["to_us"] for b in spread["buckets"]]
            self.assertEqual(ends, sorted(set(ends)))
            order = [spread[key] for key in ("min_us", "p50_us", "p99_us", "p999_us", "max_us")]
            self.assertEqual(order, sorted(order))
            self.assertLessEqual(spread["min_us"], spread["mean_us"] + 0.001)
            self.assertLessEqual(spread["mean_us"], spread["max_us"] + 0.001)
        self.assertAlmostEqual(report["period_us"], report["period"] / report["rate"] * 1e6)

    def test_a_thread_of_its_own(self):
        done = bench("--own", "--seconds", "1", "--period", "256", "--json")
        report = json.loads(done.stdout)
        self.check(report)
        self.assertEqual((report["source"], report["period"], report["rate"]), ("own", 256, 48000))
        self.assertGreater(report["wake_up"]["n"], 10)
        self.assertLessEqual(report["wake_up"]["n"], 190)  # 187 periods are a second
        self.assertGreaterEqual(report["block"]["min_us"], 5333 * 0.02)  # it works a tenth of the period
        self.assertEqual(done.returncode, 0 if report["holds"] else 10)
        self.assertEqual(done.stderr, "")  # no terminal, no progress

    def test_verdict(self):
        """A thread without priority that wants a period of 0.08 ms of a loaded machine, and one with all the time."""
        burner = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(2 * os.cpu_count())]
        try:
            short = json.loads(bench("--seconds", "2", "--period", "16", "--rate", "192000", "--priority", "0", "--json").stdout)
            self.check(short)
            self.assertEqual(short["priority"], 0)
            self.assertFalse(short["holds"])
            self.assertGreater(short["xruns"], 0)
            self.assertRegex(short["verdict"], r"Periods of 16 frames do not hold here: .* Try \d+ frames")
        finally:
            for process in burner:
                process.kill()
                process.wait()
        long = json.loads(bench("--seconds", "2", "--period", "8192", "--rate", "48000", "--json").stdout)
        self.assertEqual(long["holds"], long["xruns"] == 0, long)  # which on a machine that is held up is not sure
        self.assertRegex(long["verdict"], "Periods of 8192 frames (hold|do not hold) here")

    def test_text(self):
        lines = bench("--own", "--seconds", "1").stdout.splitlines()
        self.assertIn("A thread of its own, every 64 frames at 48000 Hz (1333 us)", lines[0])
        self.assertEqual([line for line in lines if len(line) > 80], [])
        self.assertTrue([line for line in lines if "|####" in line])
        self.assertEqual(len([line for line in lines if "p99.9" in line]), 2)
        self.assertLess(len(lines), 50)

    @unittest.skipUnless(os.geteuid() == 0, "root can be somebody else")
    def test_without_the_right_to_a_priority(self):
        done = bench("--own", "--seconds", "0.5", user=harness.NOBODY, group=harness.NOBODY, extra_groups=[],
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0)))
        self.assertIn("WITHOUT real-time priority", done.stdout)

    def test_a_daemon(self):
        with harness.Daemon() as daemon:
            url = f"osc.unix://{daemon.socket}"
            done = bench("--seconds", "1", "--json", url=url)
            report = json.loads(done.stdout)
            self.check(report)
            self.assertEqual(report["source"], "daemon")
            self.assertIn("null", report["on"])
            first = report["block"]["n"]
            self.assertGreater(first, 0)
            self.assertAlmostEqual(report["block"]["n"], report["wake_up"]["n"], delta=2)  # read while the thread runs
            since_start = json.loads(bench("--seconds", "0", "--json", url=url).stdout)
            self.check(since_start)
            self.assertGreater(since_start["block"]["n"], first)  # the second above was not the first one
            self.assertIn("How long a block took", bench("--seconds", "0", url=url).stdout)
            own = json.loads(bench("--seconds", "0.3", "--period", "128", "--json", url=url).stdout)
            self.assertEqual(own["source"], "own")

    def test_no_daemon(self):
        self.assertEqual(bench("--seconds", "0.1", url="osc.unix:///nowhere/chimed.sock").returncode, 3)

    def test_pictures(self):
        folder = tempfile.mkdtemp(prefix="chimed-bench-")
        self.addCleanup(shutil.rmtree, folder)
        for name, start in [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("it's |a.txt", b"")]:
            done = bench("--own", "--seconds", "0.3", "-o", name, cwd=folder)
            self.assertIn(done.returncode, (0, 10), done.stderr)
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            self.assertGreater(len(data), 1000)
            self.assertTrue(data.startswith(start))
        self.assertEqual(done.stderr, "")
        done = bench("--own", "--seconds", "0.1", "-o", "/nowhere/a.png")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)
        self.assertEqual(bench("--own", "--seconds", "0.1", "-o", "a.jpeg").returncode, 2)

    def test_progress_and_ctrl_c(self):
        ours, its = pty.openpty()
        process = subprocess.Popen([harness.CHIME, "bench", "latency", "--own", "--seconds", "600"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=its, text=True)
        os.close(its)
        seen = b""
        while b"1 of 600 s" not in seen:
            seen += os.read(ours, 1024)
        process.send_signal(harness.signal.SIGINT)
        text, _ = process.communicate(timeout=60)
        os.close(ours)
        self.assertIn("Periods of 64 frames", text)  # what there was until then

    def test_wrong_usage(self):
        for options in ["--period", "8"], ["--seconds", "-1"], ["--rate", "1"], ["--priority", "99"], ["more"]:
            self.assertEqual(bench("--own", *options).returncode, 2, options)
        self.assertEqual(subprocess.run([harness.CHIME, "bench"], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()
