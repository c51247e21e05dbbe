#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_service.py - the system unit as a real systemd runs it: start, stop, restart, crash, stall, rights, journal.
import json
import os
import pathlib
import re
import signal
import stat
import sys
import time
import unittest

import harness
import service
from harness import osc
from stall import audio_threads, stalled
from service import SOCKET, Test, chime, drop_in, is_up, journal, main_pid, run, said, show, systemctl, timed

LOOP_S = 10
LOOP = ("gain", -20.0, "loop", True)


class Life(Test):
    def test_ready_when_it_answers(self):
        timed("start, to READY=1", systemctl, "start", self.unit)
        self.assertEqual((show("ActiveState"), show("SubState"), show("Result")), ("active", "running", "success"))
        self.assertTrue(is_up())

    def test_status_line(self):
        client = self.start()
        line = r"^(healthy|degraded \(.+\)); null, 48000 Hz, 0 of 1024 voices, \d+ xruns$"
        self.until(lambda: re.search(line, show("StatusText")), "a status line")
        client.do("/play", self.sound, *LOOP)
        self.until(lambda: "1 of 1024 voices" in show("StatusText"), "the voice in it")

    def test_restart(self):
        self.start()
        before = main_pid()
        timed("restart", systemctl, "restart", self.unit)
        self.assertNotIn(main_pid(), (0, before))
        self.assertTrue(is_up())
        self.assertEqual(show("NRestarts"), "0")

    def test_stop_fades_out(self):
        client = self.start()
        client.do("/play", self.sound, *LOOP)
        began = time.monotonic()
        timed("stop, a loop plays", systemctl, "stop", self.unit)
        took = time.monotonic() - began
        self.assertEqual((show("Result"), show("ExecMainStatus"), show("ExecMainCode")), ("success", "0", "1"))
        self.assertGreater(took, 0.2)  # [engine] quit_fade
        self.assertLess(took, 5)  # TimeoutStopSec=, after which it would have been killed
        self.until(lambda: said("^stopped$", since=self.began), "its last words")

    def test_quit_is_no_failure(self):
        self.start().do("/quit")
        self.until(lambda: show("ActiveState") == "inactive", "its end")
        self.assertEqual(show("Result"), "success")

    def test_wrong_configuration(self):
        self.configure("[output]\nrate = fast\n")
        self.assertNotEqual(systemctl("start", self.unit, check=False).returncode, 0)
        self.assertTrue(said("rate = fast", since=self.began))
        self.configure("")
        self.until(lambda: show("ActiveState") == "active", "a start once the configuration is mended")


class Trouble(Test):
    def test_crash(self):
        client = self.start()
        before = main_pid()
        os.kill(before, signal.SIGKILL)
        client.send(osc("/sync", 7))  # into the socket, which stays; answered by whoever comes
        timed("crash, to an answer", client.answer, "/sync", 30)
        self.assertNotIn(main_pid(), (0, before))
        self.assertEqual(show("NRestarts"), "1")
        self.assertEqual(client.do("/play", self.sound, *LOOP)[0], 1000000)

    def test_crash_after_crash(self):
        """It waits, lest it crashes without a pause for ever."""
        self.start()
        memory = pathlib.Path("/run/chimed/crashed")
        os.kill(main_pid(), signal.SIGKILL)
        self.until(lambda: show("NRestarts") == "1" and is_up(), "the restart")
        self.assertLess(time.clock_gettime(time.CLOCK_BOOTTIME) - float(memory.read_text(encoding="ascii")), 60)
        memory.write_text(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.0f}\n", encoding="ascii")  # however slow this machine is
        began = time.monotonic()
        os.kill(main_pid(), signal.SIGKILL)
        self.until(lambda: show("NRestarts") == "2" and is_up(), "the next one")
        self.assertGreater(time.monotonic() - began, 2)

    def test_decoder_goes_with_it(self):
        self.start()
        os.kill(main_pid(), signal.SIGKILL)
        self.until(lambda: show("NRestarts") == "1" and is_up(), "the restart")
        self.until(lambda: run("pgrep", "-c", "chimed-decode", check=False).stdout.strip() == "1", "one decoder, not two")

    def test_stalled_audio_thread(self):
        """The loop turns and answers, but the audio clock stands: the watchdog is not fed, and ends it."""
        drop_in("[Service]\nWatchdogSec=3\nLimitCORE=0\n", name="watchdog")
        client = self.start()
        client.do("/play", self.sound, *LOOP)
        before = main_pid()
        time.sleep(3.5)  # longer than the watchdog's patience
        self.assertEqual(main_pid(), before)

        began = time.monotonic()
        with stalled(audio_threads(before)):
            self.until(lambda: chime("status", check=False).returncode == 12, "the verdict: stalled")
            print(f"time: stall, to the verdict: {time.monotonic() - began:.1f} s")
            self.until(lambda: "stalled" in show("StatusText"), "the verdict for the manager")
            self.until(lambda: show("NRestarts") != "0", "the watchdog")
            self.until(is_up, "the restart")
        print(f"time: stall, to an answer of the next one: {time.monotonic() - began:.1f} s (WatchdogSec=3)")
        self.assertEqual(show("NRestarts"), "1")
        self.assertTrue(said("Failed with result 'watchdog'", since=self.began))
        frames = self.client().status()["frames"]
        self.until(lambda: self.client().status()["frames"] > frames, "frames")
        self.client().do("/play", self.sound, *LOOP)

    def test_stopped_process(self):
        """SIGSTOP for 2 s is no reason to end it."""
        client = self.start()
        client.do("/play", self.sound, *LOOP)
        pid = main_pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(pid, signal.SIGCONT)
        self.until(lambda: client.status()["voices"] == 1, "an answer")
        self.assertEqual((main_pid(), show("NRestarts")), (pid, "0"))


class Resume(Test):
    """What a crash leaves in the state directory, and what the next start makes of it."""

    def play(self):
        """A loop on a bus, and a sound that plays once; returns when the disk knows of them."""
        pathlib.Path(self.sound).write_bytes(harness.wav([1000] * (LOOP_S * 48000)))
        client = self.start()
        client.do("/bus/new", "music")
        loop = client.do("/play", self.sound, "bus", "music", *LOOP)[0]
        once = client.do("/play", self.sound, "gain", -20.0)[0]
        self.until(lambda: os.listdir("/var/lib/private/chimed"), "a journal")
        time.sleep(1.5)  # it is written once a second
        return client, loop, once

    def crash(self):
        restarts = int(show("NRestarts"))
        os.kill(main_pid(), signal.SIGKILL)
        self.until(lambda: show("NRestarts") == str(restarts + 1) and is_up(), "the restart")

    def test_loops_go_on(self):
        client, loop, once = self.play()
        place = service.place(client, loop)
        began = time.monotonic()
        self.crash()
        self.until(lambda: loop in client.voices(), "the loop")
        print(f"time: crash, to the loop: {1000 * (time.monotonic() - began):.0f} ms")
        voices = client.voices()
        self.assertEqual((len(voices), voices[loop]["bus"]), (1, "music"))
        self.assertNotIn(once, voices)
        off = (service.place(client, loop) - place + LOOP_S / 2) % LOOP_S - LOOP_S / 2
        print(f"the loop is {1000 * off:+.0f} ms from where it would be")
        self.assertLess(abs(off), LOOP_S / 20)  # what a timer without priority skips meanwhile is not much of it

    def test_second_crash_at_once(self):
        """What was resumed may be what it crashes of."""
        client, loop, _ = self.play()
        self.crash()
        self.until(lambda: loop in client.voices(), "the loop")
        self.crash()
        self.assertEqual(client.voices(), {})

    def test_damaged_journal(self):
        client, _, _ = self.play()
        systemctl("stop", "chimed.socket", self.unit)
        for path in pathlib.Path("/var/lib/private/chimed").iterdir():
            if path.is_file():
                path.write_bytes(b"damaged" + path.read_bytes()[7:])
        client = self.start()
        self.assertEqual(client.voices(), {})
        self.assertTrue([e for e in journal(since=self.began) if e["PRIORITY"] in "34" and "journal" in e["MESSAGE"]])


class Rights(Test):
    def status_of(self, name):
        with open(f"/proc/{main_pid()}/status", encoding="ascii") as file:
            return re.search(rf"(?m)^{name}:\s*(.*)$", file.read())[1]

    def test_user(self):
        self.start()
        uid, gid = int(self.status_of("Uid").split()[1]), int(self.status_of("Gid").split()[1])
        self.assertTrue(61184 <= uid <= 65519, uid)
        self.assertEqual(gid, os.stat(SOCKET).st_gid)
        for name in "CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh":
            self.assertEqual(int(self.status_of(name), 16), 0, name)
        self.assertEqual(self.status_of("NoNewPrivs"), "1")
        self.assertEqual(self.status_of("Seccomp"), "2")

    def test_folders(self):
        self.start()
        uid = int(self.status_of("Uid").split()[1])
        state = os.stat("/var/lib/private/chimed")
        self.assertEqual((state.st_uid, stat.S_IMODE(state.st_mode) & 0o002), (uid, 0))
        self.assertEqual(os.path.realpath("/var/lib/chimed"), "/var/lib/private/chimed")
        self.assertTrue(os.path.isdir("/etc/chimed"))
        for path in SOCKET, service.STREAM:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)

    def test_no_realtime(self):
        """A container may not grant what the unit asks for: it says so, and goes on."""
        self.assertEqual(show("LimitRTPRIO"), "95")
        client = self.start()
        with open(f"/proc/{main_pid()}/limits", encoding="ascii") as file:
            limit = re.search(r"Max realtime priority +(\d+)", file.read())[1]
        if limit != "0":
            self.skipTest("this container grants real-time priority")
        client.do("/play", self.sound, *LOOP)
        self.until(lambda: "real-time" in client.status()["health_why"], "the reason")
        self.assertEqual(client.status()["health"], "degraded")
        self.assertEqual(chime("status", check=False).returncode, 10)
        self.until(lambda: "real-time" in show("StatusText"), "the verdict for the manager")
        warnings = [e for e in said("real-time|SCHED_FIFO", since=self.began) if e["PRIORITY"] in "34"]
        self.assertEqual(len(warnings), 1, [e["MESSAGE"] for e in warnings])
        self.assertEqual(client.status()["voices"], 1)

    def test_exposure(self):
        self.start()
        last = run("systemd-analyze", "--no-pager", "security", self.unit).stdout.splitlines()[-1]
        print("exposure:", last)
        self.assertLessEqual(float(re.search(r": (\d+\.\d+)", last)[1]), 1.5)

    def test_members_of_audio_play(self):
        self.start()
        for group, code in ("audio", 0), ("nogroup", 1):
            result = run("setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups", harness.CHIME, "play", self.sound,
                         check=False)
            self.assertEqual(result.returncode, code, group + result.stderr)


class Journal(Test):
    def test_levels(self):
        self.start()
        chime("play", "/no/such/file", check=False)
        entries = [e for e in journal(since=self.began) if e.get("_PID") != "1"]
        self.assertTrue(entries)
        for entry in entries:
            self.assertEqual(entry["SYSLOG_IDENTIFIER"], "chimed")
            self.assertNotRegex(entry["MESSAGE"], r"^<\d>")
        self.assertIn("6", {e["PRIORITY"] for e in entries})

    def test_fields(self):
        """What journalctl selects by."""
        client = self.start()
        self.until(lambda: [e for e in journal(since=self.began) if e.get("CHIMED_HEALTH") == "degraded"], "the verdict")
        self.assertTrue([e for e in journal(since=self.began) if e.get("CHIMED_BACKEND") == "null"])
        client.call("/play", "/no/such/file")
        selected = run("journalctl", "--output=json", f"--unit={self.unit}", "CHIMED_HEALTH=degraded").stdout.splitlines()
        self.assertTrue(selected)
        self.assertEqual({json.loads(line)["_SYSTEMD_UNIT"] for line in selected}, {self.unit})

    def test_debug(self):
        drop_in('[Service]\nEnvironment="CHIMED_OPTIONS=--backend null --log-level debug"\n', name="zdebug")
        self.start()
        self.assertIn("7", {e["PRIORITY"] for e in said("is handed over as descriptor", since=self.began)})


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
