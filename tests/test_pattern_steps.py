#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_pattern_steps.py - shows that the pattern matcher's work grows with pattern and path and no faster: instructions
# counted by callgrind, not seconds.
import os
import re
import subprocess
import tempfile
import unittest

MATCHER = os.path.join(os.environ["CHIMED_BUILD_DIR"], "tests", "test_pattern")
PER_PAIR = 60  # instructions for each byte of the pattern and each of the path, at the most


def instructions(pattern, path):
    """Those of pattern_matches() and what it calls."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=pattern_matches", "--callgrind-out-file=" +
             os.path.join(folder, "out"), MATCHER, pattern, path], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr)[1])


def fit(piece, end, n_bytes):
    """A pattern of so many bytes at the most."""
    return "/" * (piece[0] != "/") + piece * ((n_bytes - 1 - len(end)) // len(piece)) + end


class Steps(unittest.TestCase):
    """Patterns that make matchers which go back take forever: every way to match almost fits."""

    def check(self, piece, end="", part="a"):
        counts = {}
        for n, n_path in ((64, 64), (128, 256), (255, 256)):
            counts[n, n_path] = instructions(fit(piece, end, n), "/" * (part[0] != "/") + part * (n_path // len(part)))
            self.assertGreater(counts[n, n_path], n_path)  # it was not refused
            self.assertLess(counts[n, n_path], PER_PAIR * n * n_path + 2000, f"{piece} {n} {n_path}")
        # Twice the pattern and four times the path: eight times the work, and not more.
        self.assertLess(counts[128, 256], 8 * 1.3 * counts[64, 64] + 2000, piece)
        return counts[255, 256]

    def test_stars(self):
        self.assertGreater(self.check("*a", "b"), 255 * 256)  # it is the worst: nothing is left out of the count

    def test_stars_and_single_characters(self):
        self.check("*?", "b")

    def test_stars_alone(self):
        self.check("*", "b")

    def test_words(self):
        self.check("{a,aa,aaa}", "b")

    def test_one_word_often(self):
        self.check("{" + "a," * 20 + "a}", "b")

    def test_stars_and_words(self):
        self.check("*{a,aa}", "b")

    def test_sets(self):
        self.check("*[abcdefgh]", "b")

    def test_long_sets(self):
        self.check("*[bcdefghijklmnopqrstuvwxyza]", "b")

    def test_parts(self):
        self.check("//a", "//b", part="/a")

    def test_parts_and_stars(self):
        self.check("//*a*", "//b", part="/a")


unittest.main()
