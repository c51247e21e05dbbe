#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_reference.py - holds the daemon to its own reference: every method, argument, range, example and error of osc.md.
"""Needs CHIMED, CHIME and CHIMED_BUILD_DIR."""
import os
import pathlib
import re
import shlex
import subprocess
import unittest

import harness

REFERENCE = pathlib.Path(os.environ["CHIMED_BUILD_DIR"]) / "docs/osc.md"
COMMON = "bad_packet unknown_method bad_arguments out_of_range forbidden unsupported too_fast too_long internal".split()


class Argument:
    """A row of a method's table."""

    def __init__(self, row):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        self.name, self.is_key = cells[0].strip("`"), cells[1] == "key"
        self.range, self.is_required, self.doc = cells[2], cells[3] == "required", cells[4]
        numbers = re.match(r"(-?[0-9.]+) (?:to|or) (-?[0-9.]+)", self.range)
        self.limits = tuple(float(n) for n in numbers.groups()) if numbers else None
        self.is_whole = self.range == "0 or 1" or self.name in ("id", "voices", "n", "out", "width", "loop_count", "scheduled")
        self.choices = re.findall(r"`(\w+)`", self.doc) if self.name in ("quality", "curve", "policy") else []


class Method:
    """A section of the reference."""

    def __init__(self, path, text):
        self.path = path
        rows = re.findall(r"^\| `.*\|$", text, re.M)
        self.arguments = [Argument(row) for row in rows]
        self.is_timed = re.search(r"^Role: \w+; timed$", text, re.M) is not None
        self.role = re.search(r"^Role: (\w+)", text, re.M).group(1)
        self.errors = COMMON + re.findall(r"`(\w+)`", re.search(r"^Errors: (.*)$", text, re.M).group(1))
        self.answer = re.search(r"^Answer: `(\S+)", text, re.M).group(1)
        self.examples = re.search(r"```\n(.*?)```", text, re.S).group(1).splitlines()


def methods():
    text = REFERENCE.read_text(encoding="utf-8")
    sections = re.split(r"^### (/\S+)\n", text.split("\n## Events")[0], flags=re.M)[1:]
    return [Method(path, body) for path, body in zip(sections[::2], sections[1::2])]


METHODS = methods()

# Words that stand for themselves in calls that are otherwise good.
TEXTS = {"sound": "bell", "path": "/usr/share/sounds/alsa/Front_Center.wav", "name": "music", "parent": "master", "bus": "music",
         "tag": "tag", "pattern": "//", "token": "0"}


class Reference(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon(udp=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.client = self.daemon.client()
        self.prepare()

    def prepare(self):
        path = self.daemon.sound("bell.wav", harness.wav(harness.sine(144000)))
        self.client.do("/sound/load", "bell", path)
        self.client.do("/bus/new", "music")
        self.client.do("/play", "bell", "id", 42, "loop", 1, "gain", -60)

    def value(self, argument):
        if argument.choices:
            return argument.choices[0]
        if argument.name in ("id", "voices"):
            return 42
        if argument.name == "scheduled":
            return "all"
        return TEXTS.get(argument.name, 1 if argument.is_whole else argument.limits and argument.limits[0])

    def required(self, method):
        """The shortest good call."""
        values = [self.value(a) for a in method.arguments if a.is_required]
        return ["other"] if method.path == "/bus/new" else values

    def answer_to(self, path, *args):
        """The next answer, whatever it is about."""
        self.client.send(harness.osc(path, *args))
        return self.client.wait_for(lambda m: m[0] in ("/done", "/error", "/synced") or m[0] == path == "/hello")

    def check(self, method, answer):
        self.assertIn(answer[0], ("/error", method.answer))
        if answer[0] == "/error":
            self.assertIn(answer[2], method.errors, answer)
            self.assertTrue(answer[3].strip())

    def test_every_method_is_there(self):
        self.assertGreater(len(METHODS), 20)
        for method in METHODS:
            if method.path == "/quit":
                continue
            with self.subTest(method.path):
                self.assertIn(self.answer_to(method.path, *self.required(method))[0], ("/done", method.answer))

    def test_what_is_missing_and_what_is_too_much(self):
        for method in METHODS:
            if method.path == "/quit":
                continue
            with self.subTest(method.path):
                if any(a.is_required for a in method.arguments):
                    self.assertEqual(self.answer_to(method.path)[2], "bad_arguments")
                answer = self.answer_to(method.path, *self.required(method), "surplus", 1, "more", 2, "words", 3)
                self.assertEqual(answer[2], "bad_arguments", answer)

    def test_every_key_and_its_range(self):
        for method in METHODS:
            for key in method.arguments:
                if not key.is_key or method.path == "/play" and key.name == "id":
                    continue
                with self.subTest(method.path, key=key.name):
                    self.try_key(method, key)

    def try_key(self, method, key):
        args = self.required(method)
        for value in key.choices or ([*key.limits] if key.limits else [self.value(key)]):
            value = int(value) if key.is_whole else value
            self.check(method, self.answer_to(method.path, *args, key.name, value))
        self.assertEqual(self.answer_to(method.path, *args, key.name)[2], "bad_arguments")
        if key.limits:
            for value in int(key.limits[1]) + 1, float("nan"), float("inf"):
                answer = self.answer_to(method.path, *args, key.name, value)
                self.assertIn(answer[2], ("out_of_range", "bad_arguments"), (method.path, key.name, value, answer))
            self.assertEqual(self.answer_to(method.path, *args, key.name, "word")[2], "bad_arguments")
        elif key.choices:
            self.assertEqual(self.answer_to(method.path, *args, key.name, "word")[2], "bad_arguments")

    def test_timed_methods_take_their_keys_and_others_do_not(self):
        for method in METHODS:
            if method.path == "/quit":
                continue
            for key, value in (("at", 0.01), ("immediate", 1), ("policy", "drop"), ("tag", "x")):
                with self.subTest(method.path, key=key):
                    answer = self.answer_to(method.path, *self.required(method), key, value)
                    if method.is_timed:
                        self.check(method, answer)
                        self.assertNotEqual(answer[2:3], ["bad_arguments"], answer)
                    else:
                        self.assertEqual(answer[2], "bad_arguments", answer)

    def test_request_ids_come_back(self):
        for method in METHODS:
            if method.path == "/quit":
                continue
            with self.subTest(method.path):
                self.assertEqual(self.answer_to(method.path, *self.required(method), "#17")[-1], "#17")
                self.assertEqual(self.answer_to(method.path, *["surplus"] * 9, "#18")[-1], "#18")

    def test_the_examples_do_what_they_say(self):
        environment = {**self.daemon.environment, "PATH": f"{os.path.dirname(os.environ['CHIME'])}:{os.environ['PATH']}"}
        for method in METHODS:
            chime, oscsend = method.examples
            with self.subTest(chime):
                done = subprocess.run(["sh", "-c", chime], env=environment, capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=20, check=False)
                if method.path == "/bus/new":  # it is there
                    self.assertIn("taken", done.stderr)
                else:
                    self.assertEqual(done.returncode, 0, done.stderr)
            if method.path == "/quit":
                break
            with self.subTest(oscsend):
                words = shlex.split(oscsend.replace(":57300", f":{self.daemon.port}"))
                subprocess.run(words, check=True, stdin=subprocess.DEVNULL, timeout=20)
        self.daemon.process.wait(10)  # /quit is the last one
        self.assertEqual(METHODS[-1].path, "/quit")

    def test_roles(self):
        config = "[access]\nudp_role = read\n"
        with harness.Daemon(udp=True, config=config) as daemon:
            reader = daemon.client(udp=True)
            for method in METHODS:
                with self.subTest(method.path):
                    reader.send(harness.osc(method.path, *self.required(method)))
                    answer = reader.wait_for(lambda m: m[0] in ("/done", "/error", "/synced", "/hello"))
                    if method.role == "read":
                        self.assertNotEqual(answer[2:3], ["forbidden"], answer)
                    else:
                        self.assertEqual(answer[:3], ["/error", method.path, "forbidden"])


if __name__ == "__main__":
    unittest.main()
