#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_quality.py - the interpolations keep what they promise: images, aliases, treble, exact levels, smooth ramps.
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["CHIMED_SOURCE_DIR"], "bench"))
import quality_measure as q  # noqa: E402  (needs the path)

NOISE = [(i * 7919 + i * i * 31) % 20001 - 10000 for i in range(3000)]


class Sines(unittest.TestCase):
    def strays(self, quality, rate, below_hz, bound_db):
        """All strays of sines up to a frequency, the sines that must be gone included."""
        rows = [row for row in q.sines(quality, rate) if row["hz"] <= below_hz]
        self.assertGreater(len(rows), 10)
        for row in rows:
            self.assertLess(row["stray_db"], bound_db, row)

    def level(self, quality, rate, hz, low_db, high_db=0.05):
        level_db = q.sines(quality, rate, (hz,))[0]["level_db"]
        self.assertGreater(level_db, low_db)
        self.assertLess(level_db, high_db)

    def test_sinc_has_no_images(self):
        for rate in (0.5, 0.97):
            self.strays("sinc", rate, 16000, -80)
            self.level("sinc", rate, 16000, -0.1)
            self.level("sinc", rate, 20000, -1)

    def test_sinc_does_not_alias(self):
        for rate in (1.1, 2):
            self.strays("sinc", rate, 20000, -60)
        self.level("sinc", 1.1, 14000, -0.1)
        self.level("sinc", 2, 8000, -0.1)

    def test_cubic(self):
        for rate in (0.5, 0.97, 1.1):
            self.strays("cubic", rate, 20000, -10)
            self.level("cubic", rate, 4000, -0.02)
            self.assertLess(q.sines("cubic", rate, (1000,))[0]["stray_db"], -90)

    def test_linear(self):
        for rate in (0.5, 0.97, 1.1):
            self.level("linear", rate, 4000, -0.25)
            self.assertLess(q.sines("linear", rate, (1000,))[0]["stray_db"], -55)

    def test_cubic_is_the_default(self):
        default, _ = q.render({"one": q.sweep_phase(q.numpy.arange(2000)) % 1}, (0, q.osc("/play", "one", "rate", 0.7)),
                              n_frames=2000)
        cubic, _ = q.render({"one": q.sweep_phase(q.numpy.arange(2000)) % 1},
                            (0, q.osc("/play", "one", "rate", 0.7, "quality", "cubic")), n_frames=2000)
        self.assertTrue((default == cubic).all())
        self.assertTrue(default.any())

    def test_a_measurement_can_find_strays(self):
        t = 2 * q.math.pi / q.RATE * q.numpy.arange(q.N)
        row = q.measure_sine(q.numpy.sin(1000 * t) + 1e-3 * q.numpy.sin(7000 * t), 1000)
        self.assertAlmostEqual(row["stray_db"], -60, delta=0.2)
        self.assertAlmostEqual(row["thd_n_db"], -60, delta=0.2)
        self.assertAlmostEqual(row["stray_hz"], 7000, delta=6)
        self.assertAlmostEqual(row["level_db"], 0, delta=0.01)


class SweepsAndImpulses(unittest.TestCase):
    def test_sweeps(self):
        for rate in (0.5, 0.97):
            self.assertLess(q.sweep("sinc", rate, (10000,))[10000], -75)
            self.assertLess(q.sweep("cubic", rate, (4000,))[4000], -50)
            self.assertLess(q.sweep("linear", rate, (1000,))[1000], -50)

    def test_impulses(self):
        for quality, n_frames in (("linear", 1), ("cubic", 2), ("sinc", 8)):
            row = q.impulses(quality, 0.5)
            self.assertLess(row["sum_error"], 1e-3)
            self.assertLess(max(row["before"], row["behind"]), n_frames)
        for rate in (1.1, 2):
            self.assertLess(q.impulses("sinc", rate)["sum_error"], 2e-3)


class Levels(unittest.TestCase):
    def test_unity_is_exact(self):
        self.assertEqual(q.unity_differences(NOISE, 16), 0)
        self.assertEqual(q.unity_differences([s / 32768.7 for s in NOISE], -32), 0)

    def test_ramps_have_no_steps(self):
        for ramp_s, from_db, to_db in ((0.1, 0.0, -20.0), (0.05, -40.0, 0.0), (0.3, -6.0, -200.0)):
            self.assertLess(q.largest_step(ramp_s, from_db, to_db), 1.01)

    def test_pan_keeps_power(self):
        self.assertLess(q.pan_power(), 0.01)


if __name__ == "__main__":
    unittest.main()
