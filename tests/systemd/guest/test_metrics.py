#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_metrics.py - chimed-metrics under a real systemd: started by its socket, without a network, and the journal's fields.
import http.client
import re
import socket
import sys
import unittest

from service import Test, chime, journal, main_pid, run, show, systemctl

SERVICE, LISTENER = "chimed-metrics.service", "chimed-metrics.socket"


def ask(path="/metrics"):
    connection = http.client.HTTPConnection("127.0.0.1", 9573, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Metrics(Test):
    def setUp(self):
        super().setUp()
        systemctl("start", LISTENER)
        self.addCleanup(systemctl, "stop", LISTENER, SERVICE)

    def test_asked_for_it_starts_and_asks_the_daemon(self):
        self.start()
        self.assertEqual(show("ActiveState", SERVICE), "inactive")
        code, text = ask()
        self.assertEqual((code, show("ActiveState", SERVICE)), (200, "active"), text)
        self.assertIn('chimed_backend_info{kind="null"', text)
        self.assertTrue(text.endswith("# EOF\n"))
        chime("play", self.sound)
        self.assertRegex(ask()[1], r"(?m)^chimed_voices_started_total 1$")

    def test_a_daemon_that_crashes_is_told_and_found_again(self):
        self.start()
        ask()
        pid = main_pid()
        run("kill", "-9", str(pid))
        self.until(lambda: main_pid() not in (0, pid) and ask()[0] == 200, "metrics of the next daemon")
        self.assertEqual(show("NRestarts", SERVICE), "0")

    def test_it_has_no_network_of_its_own(self):
        self.start()
        ask()
        pid = show("MainPID", SERVICE)
        links = run("nsenter", "-t", pid, "-n", "cat", "/proc/net/dev").stdout
        self.assertEqual(re.findall(r"(?m)^ *(\w+):", links), ["lo"])
        self.assertNotEqual(show("MainPID", SERVICE), "0")
        self.assertNotIn("\nUid:\t0\t", run("cat", f"/proc/{pid}/status").stdout)
        with socket.socket() as listener:  # its port is taken on loopback only
            listener.bind(("127.0.0.2", 9573))

    def test_exposure(self):
        ask()
        last = run("systemd-analyze", "security", "--no-pager", SERVICE, check=False).stdout.strip().splitlines()[-1]
        print(last, flush=True)
        self.assertLessEqual(float(re.search(r": (\d+\.\d+)", last)[1]), 0.6)


class Fields(Test):
    def test_the_journal_has_fields(self):
        self.start()
        chime("play", "/usr/share/sounds/none.wav", check=False)
        self.client().call("/sound/load", "gong", "/usr/share/sounds/none.wav")

        def fields():
            return {name: e[name] for e in journal(since=self.began) for name in e if name.startswith("CHIMED_")}
        found = self.until(lambda: (f := fields()) and "CHIMED_SOUND" in f and f, "the fields")
        self.assertEqual((found["CHIMED_BACKEND"], found["CHIMED_SOUND"]), ("null", "gong"))
        self.assertIn("CHIMED_CLIENT", found)
        self.assertEqual({e["_TRANSPORT"] for e in journal(since=self.began) if "CHIMED_SOUND" in e}, {"journal"})


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
