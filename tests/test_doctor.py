#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_doctor.py - chime doctor on made-up machines, and beside a living daemon.
"""Needs CHIMED and CHIME."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness

GOOD = {
    "sys/kernel/realtime": "1\n",
    "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "proc/sys/kernel/sched_rt_period_us": "1000000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/asound/cards": " 0 [USB            ]: USB-Audio - A card: with [brackets]\n                      more of it\n",
    "proc/asound/version": "Advanced Linux Sound Architecture Driver Version k6.1.\n",
    "proc/asound/card0/pcm0p/sub0/status": "closed\n",
    "proc/1/comm": "systemd\n",
}

BAD = {
    "proc/sys/kernel/sched_rt_runtime_us": ("100000\n", "throttling", "10 %"),
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": ("powersave\n", "processors", "powersave"),
    "sys/devices/system/clocksource/clocksource0/current_clocksource": ("hpet\n", "clock", "hpet"),
    "proc/meminfo": ("MemAvailable: 1000 kB\n", "memory", "0 MiB"),
    "proc/asound/cards": ("--- no soundcards ---\n", "card", "no sound card"),
}


class Machine:
    """A tree of files that chime doctor takes for the machine."""

    def __init__(self, files):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="chimed-doctor-"))
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def doctor(self, *options):
        return subprocess.run([os.environ["CHIME"], "doctor", "--root", self.root, "--url", f"osc.unix://{self.root}/none",
                               *options], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def findings(self):
        done = self.doctor("--json")
        return done.returncode, json.loads(done.stdout)


def severity(report, topic):
    return [f["severity"] for f in report["findings"] if f["topic"] == topic]


class Doctor(unittest.TestCase):
    def test_a_good_machine(self):
        with Machine(GOOD) as machine:
            code, report = machine.findings()
        self.assertEqual(code, 10)  # no daemon answers, and that is all
        bad = [f for f in report["findings"] if f["severity"] in ("warning", "problem")]
        self.assertEqual([f["topic"] for f in bad], ["daemon"])
        self.assertIn("USB", str(report))

    def test_each_fault_is_found_and_has_a_remedy(self):
        for name, (text, topic, word) in BAD.items():
            with self.subTest(topic), Machine(GOOD | {name: text}) as machine:
                code, report = machine.findings()
                self.assertEqual(code, 10)
                found = [f for f in report["findings"] if f["topic"] == topic and f["severity"] == "warning"]
                self.assertEqual(len(found), 1, report)
                self.assertIn(word, found[0]["text"])
                self.assertTrue(found[0]["remedy"])

    def test_who_holds_a_card_and_who_else_plays(self):
        held = {"proc/asound/card0/pcm0p/sub0/status": "state: RUNNING\nowner_pid   : 77\n", "proc/77/comm": "mpd\n"}
        with Machine(GOOD | held) as machine:
            _, report = machine.findings()
        self.assertIn("card0/pcm0p is held by mpd", str(report))
        self.assertIn("also running: mpd", str(report))

    def test_nothing_to_read(self):
        with Machine({}) as machine:
            done = machine.doctor()
        self.assertEqual(done.returncode, 10, done.stderr)
        self.assertIn("no sound card", done.stdout)

    def test_a_living_daemon(self):
        with harness.Daemon() as daemon:
            done = daemon.chime("doctor", "--json")
            report = json.loads(done.stdout)
            self.assertEqual(severity(report, "output"), ["problem"])  # the timer: no sound leaves
            self.assertEqual(severity(report, "daemon"), ["ok"])
            self.assertEqual(done.returncode, 11)
            text = daemon.chime("doctor").stdout
        self.assertIn("This machine cannot make sound as it should", text)

    def test_wrong_usage(self):
        with Machine(GOOD) as machine:
            self.assertEqual(machine.doctor("word").returncode, 2)


if __name__ == "__main__":
    unittest.main()
