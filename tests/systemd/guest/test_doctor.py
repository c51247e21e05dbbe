#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_doctor.py - chime doctor beside the unit in a container that may not grant what the unit asks for.
import json
import sys
import unittest

from service import Test, chime, main_pid, systemctl


def findings():
    """The exit code, and for each topic the worst of what was found, and what was said."""
    done = chime("doctor", "--json", check=False)
    report = json.loads(done.stdout)
    order = ["ok", "note", "warning", "problem"]
    worst = {}
    for finding in report["findings"]:
        at = worst.setdefault(finding["topic"], finding)
        if order.index(finding["severity"]) > order.index(at["severity"]):
            worst[finding["topic"]] = finding
    return done.returncode, worst


class Doctor(Test):
    def test_limits_that_were_not_granted(self):
        self.start()
        code, found = findings()
        self.assertEqual(code, 11)
        self.assertEqual(found["audio_thread"]["severity"], "problem")
        self.assertEqual(found["limits"]["severity"], "warning")
        self.assertIn("chimed.service asks for LimitRTPRIO=95, and the daemon got 0", found["limits"]["text"])
        self.assertIn("systemd-nspawn --capability=", found["limits"]["remedy"])
        self.assertIn("systemd-nspawn", found["virtual"]["text"] + str(found))
        with open(f"/proc/{main_pid()}/limits", encoding="utf-8") as file:  # it is as it says
            limits = file.read()
        self.assertRegex(limits, r"Max realtime priority +0 ")

    def test_a_daemon_that_has_stopped(self):
        systemctl("stop", "chimed.socket", self.unit, check=False)
        code, found = findings()
        self.assertIn(code, (10, 11))
        self.assertEqual(found["daemon"]["severity"], "warning")
        self.assertIn("systemctl start chimed", found["daemon"]["remedy"])
        self.assertNotIn("limits", found)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
