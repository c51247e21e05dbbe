#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_service.py - the system unit as a real systemd runs it: start, stop, watchdog, sockets, rights.
import os
import signal
import socket
import sys
import time
import unittest

import harness
from harness import osc
from service import FOLDER, NULL, SOCKET, Test, chime, drop_in, is_up, journal, main_pid, run, said, show, systemctl, timed

SOUND = f"{FOLDER}/tone.wav"
LOOP = ("gain", -20.0, "loop", True)


def make_sound():
    os.makedirs(FOLDER, exist_ok=True)
    with open(SOUND, "wb") as file:
        file.write(harness.wav(harness.sine(48000)))


class Life(Test):
    def test_ready_when_it_answers(self):
        timed("start, to READY=1", systemctl, "start", self.unit)
        self.assertEqual((show("ActiveState"), show("SubState")), ("active", "running"))
        self.assertTrue(is_up())
        self.assertEqual(show("NotifyAccess"), "main")
        self.assertEqual(show("Result"), "success")

    def test_status_line(self):
        self.start()
        self.until(lambda: "null, 48000 Hz, 0 of 1024 voices, 0 xruns" in show("StatusText"), "a status line")

    def test_restart_and_stop(self):
        self.start()
        before = main_pid()
        timed("restart", systemctl, "restart", self.unit)
        self.assertNotIn(main_pid(), (0, before))
        self.assertTrue(is_up())
        timed("stop, nothing plays", systemctl, "stop", self.unit)
        self.assertEqual((show("Result"), show("ExecMainStatus")), ("success", "0"))
        self.assertTrue(said("^stopped", since=self.began))


if __name__ == "__main__":
    make_sound()
    sys.exit(unittest.main(verbosity=2))
