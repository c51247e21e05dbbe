#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_metrics.py - the figures that the daemon gives to those who watch it: histograms and metrics.
"""Needs CHIMED and CHIME."""
import unittest

import harness

HISTOGRAMS = ("block", "load", "wake_up")


def histograms(client, *which):
    """What /histogram answers: name to its unit, figures and buckets."""
    n, = client.do("/histogram", *which)
    rows, client.seen = client.seen, []
    found = {m[1]: dict(zip(("unit", "n", "sum", "max", "p50", "p99", "p999"), m[2:]), buckets=[])
             for m in rows if m[0] == "/histogram/info"}
    for m in rows:
        if m[0] == "/histogram/bucket":
            found[m[1]]["buckets"].append(tuple(m[2:]))
    assert n == sum(len(h["buckets"]) for h in found.values()), (n, rows)
    return found


class Histograms(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.client = self.daemon.client()

    def cycles(self):
        status = self.client.status()
        return status["frames"] // max(status["period"], 1)  # there is none before the first cycle

    def test_every_cycle_is_counted_once_in_each(self):
        harness.until(lambda: self.cycles() > 50, "cycles")
        before, found, after = self.cycles(), histograms(self.client), self.cycles()
        self.assertEqual(tuple(found), HISTOGRAMS)
        self.assertEqual([h["unit"] for h in found.values()], ["s", "", "s"])
        for name, h in found.items():
            self.assertEqual(h["n"], sum(count for _, _, count in h["buckets"]), name)
            self.assertTrue(before <= h["n"] <= after + 1, (name, before, h["n"], after))

    def test_buckets_rise_and_hold_sum_and_quantiles(self):
        harness.until(lambda: self.cycles() > 200, "cycles")
        for name, h in histograms(self.client).items():
            ends = [end for _, end, _ in h["buckets"]]
            self.assertEqual(ends, sorted(set(ends)), name)
            self.assertTrue(all(start < end and count > 0 for start, end, count in h["buckets"]), name)
            least = sum(start * count for start, _, count in h["buckets"])
            most = sum(end * count for _, end, count in h["buckets"])
            slack = 0.05 * most  # a cycle that ends between two readings
            self.assertTrue(least - slack <= h["sum"] <= most + slack, (name, least, h["sum"], most))
            self.assertTrue(0 <= h["p50"] <= h["p99"] <= h["p999"] <= h["max"], (name, h))
            self.assertLessEqual(h["max"], ends[-1])
            below = sum(count for _, end, count in h["buckets"] if end <= h["p50"])
            self.assertTrue(below >= h["n"] / 2 or h["p50"] == h["max"], (name, h))

    def test_one_at_a_time_and_none_that_there_is_not(self):
        self.assertEqual(tuple(histograms(self.client, "wake_up")), ("wake_up",))
        answer = self.client.call("/histogram", "nonsense")
        self.assertEqual(answer[:3], ["/error", "/histogram", "bad_arguments"])

    def test_work_shows(self):
        path = self.daemon.sound("tone.wav", harness.wav(harness.sine(96000)))
        self.client.do("/sound/load", "tone", path)
        harness.until(lambda: self.cycles() > 100, "cycles")
        before = histograms(self.client, "block")["block"]
        for _ in range(200):
            self.client.do("/play", "tone", "loop", 1, "rate", 1.01, "quality", "sinc")
        until = self.cycles() + 200
        harness.until(lambda: self.cycles() > until, "cycles")
        after = histograms(self.client, "block")["block"]
        mean = before["sum"] / before["n"]
        self.assertGreater((after["sum"] - before["sum"]) / (after["n"] - before["n"]), 2 * mean)


if __name__ == "__main__":
    unittest.main()
