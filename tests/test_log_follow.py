#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_log_follow.py - the log from afar: chime log, its events, and what a real journald gets.
"""Needs CHIMED and CHIME. The part with journald needs root, who may have a /run of his own; it is left out otherwise."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import unittest

import harness

JOURNALD = "/lib/systemd/systemd-journald"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (error|warning|info|debug) +\S.*")
IN_NAMESPACE = "in-namespace"


class Follower:
    """A chime log --follow --json; `lines` grows."""

    def __init__(self, daemon, *options):
        self.lines = []
        self.process = subprocess.Popen([harness.CHIME, "log", "--follow", "--json", *options], env=daemon.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def wait_for(self, text, n=1):
        harness.until(lambda: sum(text in line["text"] for line in self.lines) >= n, f"{text} in {self.lines}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(harness.PATIENCE_S)
        self.thread.join()
        said = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said


class Log(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon(udp=True)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.client = self.daemon.client()

    def fail_to_load(self, name):
        """Logs a line that names it."""
        self.client.call("/sound/load", name, self.daemon.sound("bad.wav", b"no sound"))

    def log(self, *options):
        result = self.daemon.chime("log", *options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def test_lines_have_time_and_level(self):
        self.fail_to_load("gong")
        lines = self.log()
        self.assertTrue(all(LINE.fullmatch(line) for line in lines), lines)
        self.assertTrue(any(" info    chimed " in line for line in lines), lines)
        self.assertTrue(any(" warning sound gong is not loaded: " in line for line in lines), lines)
        self.assertEqual(len(self.log("--lines", "1")), 1)
        self.assertEqual(self.log("--lines", "0"), [])
        self.assertEqual(self.log("--level", "error"), [])
        self.assertEqual([line.split()[2] for line in self.log("--level", "warning")], ["warning"])

    def test_objects(self):
        self.fail_to_load("gong")
        lines = [json.loads(line) for line in self.log("--json")]
        self.assertEqual([line["n"] for line in lines], list(range(1, len(lines) + 1)))
        times = [line["time"] for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertTrue(all(set(line) == {"level", "text", "time", "n"} for line in lines))

    def test_slips(self):
        for words, says in ((["--level", "loud"], "--level wants"), (["--lines", "-1"], "--lines wants"),
                            (["now"], "'now'"), (["--set-level", "loud"], "it must be one of")):
            result = self.daemon.chime("log", *words)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(says, result.stderr)

    def test_the_newest_are_kept_though_nobody_follows(self):
        self.daemon.chime("log", "--set-level", "debug")
        self.client.do("/sound/load", "tone", self.daemon.sound("tone.wav", harness.wav(harness.sine(480))))
        for i in range(80):
            self.client.do("/play", "tone", "id", i)
        harness.until(lambda: self.client.status()["voices"] == 0, "the end of the voices")
        lines = [json.loads(line) for line in self.log("--json")]
        self.assertEqual(len(lines), 64)
        self.assertEqual([line["n"] - lines[0]["n"] for line in lines], list(range(64)))
        self.assertTrue(any(line["text"] == "voice 79 of tone: ended, finished" for line in lines), lines)

    def test_levels_change_while_it_runs(self):
        self.assertEqual(self.client.do("/log/level"), ["info"])
        self.client.do("/sound/load", "tone", self.daemon.sound("tone.wav", harness.wav(harness.sine(480))))
        self.client.do("/play", "tone", "id", "silent")
        harness.until(lambda: self.client.status()["voices"] == 0, "the end of the voice")
        self.assertEqual(self.daemon.chime("log", "--set-level", "debug").returncode, 0)
        self.assertEqual(self.client.do("/log/level"), ["debug"])
        self.client.do("/play", "tone", "id", "loud")
        harness.until(lambda: any("voice loud of tone: started" in line for line in self.log("--level", "debug")), "the line")
        self.assertFalse(any("voice silent of tone: started" in line for line in self.log()))
        stranger = self.daemon.client(udp=True)
        self.assertEqual(stranger.do("/log/level"), ["debug"])
        self.assertEqual(stranger.call("/log/level", "error")[:3], ["/error", "/log/level", "forbidden"])
        self.assertEqual(self.client.do("/log/level"), ["debug"])

    def test_followed_over_a_restart(self):
        self.fail_to_load("first")
        follower = Follower(self.daemon)
        try:
            follower.wait_for("sound first")
            self.fail_to_load("second")
            follower.wait_for("sound second")
            self.daemon.process.kill()
            self.daemon.process.wait()
            self.daemon.start()
            follower.wait_for("chimed 0.", 2)
            self.client = self.daemon.client()
            self.fail_to_load("third")
            follower.wait_for("sound third")
        finally:
            code, said = follower.stop()
        self.assertEqual(code, 0)
        self.assertIn(said, ("", "chime: the daemon has gone; waiting for it\n"))  # it may be back before that is seen
        seen = [(line["n"], line["time"]) for line in follower.lines]
        self.assertEqual(len(seen), len(set(seen)), follower.lines)
        for name in "first", "second", "third":
            self.assertEqual(sum(f"sound {name}" in line["text"] for line in follower.lines), 1, name)

    def test_a_follower_may_be_choosy(self):
        follower = Follower(self.daemon, "--level", "warning", "--lines", "0")
        try:
            harness.until(lambda: self.client.status()["subscriptions"] == 1, "the subscription")
            self.fail_to_load("gong")
            follower.wait_for("sound gong")
        finally:
            follower.stop()
        self.assertEqual([line["level"] for line in follower.lines], ["warning"])

    def test_without_a_daemon_it_says_so(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        for words in ["log"], ["log", "--follow"]:
            self.assertEqual(self.daemon.chime(*words).returncode, 3)

    def test_a_flood_is_counted(self):
        for i in range(30):
            self.fail_to_load(f"s{i}")
        self.assertEqual(sum("is not loaded" in line for line in self.log()), 10)
        harness.until(lambda: any("20 more like this: sound s29" in line for line in self.log()), "the others", 30)

    def test_xruns_are_told_with_their_cause(self):
        # What the timer misses in its first moments it catches up.
        harness.until(lambda: self.client.status()["uptime"] > 1, "its first looks")
        before = self.client.status()

        def stand_still():
            self.daemon.process.send_signal(signal.SIGSTOP)
            threading.Event().wait(0.5)
            self.daemon.process.send_signal(signal.SIGCONT)
            threading.Event().wait(0.2)
            return self.client.status()["xruns"] > before["xruns"]
        harness.until(stand_still, "an xrun")
        texts = {"ours": "took longer than its period", "late": "was woken late", "device": "in the device or server"}
        after = self.client.status()
        cause = next(c for c in texts if after[f"xruns_{c}"] > before[f"xruns_{c}"])
        # A busy machine may have so many that they are told as a storm.
        harness.until(lambda: any("xrun" in line and (texts[cause] in line or "xruns within" in line)
                                  for line in self.log("--level", "warning")), "the xrun in the log")


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists(JOURNALD) and shutil.which("unshare"), "no root, or no journald")
class WithJournald(unittest.TestCase):
    def test_in_a_namespace(self):
        result = subprocess.run(["unshare", "--mount", sys.executable, __file__, IN_NAMESPACE], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=200, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("Ran 2 tests", result.stderr)


class InNamespace(unittest.TestCase):
    """The /run is ours, and a real journald listens there."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/systemd/journal")
        os.makedirs("/run/log")
        cls.journald = subprocess.Popen([JOURNALD], stderr=subprocess.DEVNULL)
        harness.until(lambda: os.path.exists("/run/systemd/journal/stdout"), "journald")

    @classmethod
    def tearDownClass(cls):
        cls.journald.terminate()
        cls.journald.wait()

    def setUp(self):
        self.daemon = harness.Daemon("--log-level", "debug")
        self.addCleanup(self.daemon.remove)
        script = f"JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec {harness.CHIMED} \"$@\""
        self.daemon.program = self.daemon.write("wrapper", f"#!/bin/sh\nexec systemd-cat sh -c '{script}' sh \"$@\"\n")
        os.chmod(self.daemon.program, 0o755)
        self.daemon.start()
        self.client = self.daemon.client()

    def entries(self, *matches):
        subprocess.run(["journalctl", "--sync"], check=True)
        out = subprocess.run(["journalctl", "-o", "json", "--no-pager", f"_PID={self.daemon.process.pid}", *matches],
                             check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def wait_for(self, *matches):
        return harness.until(lambda: self.entries(*matches), f"{matches} in the journal")[0]

    def test_fields(self):
        entry = self.wait_for("CHIMED_BACKEND=null")
        self.assertEqual((entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"], entry["_TRANSPORT"]), ("6", "chimed", "journal"))
        self.client.call("/sound/load", "gong", self.daemon.sound("bad.wav", b"no sound"))
        self.assertEqual(self.wait_for("CHIMED_SOUND=gong")["PRIORITY"], "4")
        self.client.do("/sound/load", "tone", self.daemon.sound("tone.wav", harness.wav(harness.sine(480))))
        self.client.do("/play", "tone", "id", "bell")
        entry = self.wait_for("CHIMED_VOICE=bell", "CHIMED_SOUND=tone")
        self.assertEqual((entry["MESSAGE"], entry["PRIORITY"]), ("voice bell of tone: started", "7"))
        self.wait_for(f"CHIMED_CLIENT={self.daemon.socket}")
        harness.until(lambda: self.client.status()["uptime"] > 1.5, "its first looks, in which it catches up what it misses")
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        threading.Event().wait(0.5)
        os.kill(self.daemon.process.pid, signal.SIGCONT)
        self.wait_for(*(f"CHIMED_XRUN={cause}" for cause in ("ours", "late", "device", "storm")))

    def test_a_journald_that_hangs_holds_nobody_up(self):
        self.client.do("/sound/load", "tone", self.daemon.sound("tone.wav", harness.wav(harness.sine(480))))
        self.journald.send_signal(signal.SIGSTOP)
        try:
            for i in range(600):  # two lines each; journald's socket holds far less
                self.client.do("/play", "tone", "id", i)
            status = self.client.status()
        finally:
            self.journald.send_signal(signal.SIGCONT)
        self.assertEqual(status["health"], "healthy")

        def is_told_again():
            self.client.call("/play", "tone", "id", "last")
            return self.entries("CHIMED_VOICE=last")
        harness.until(is_told_again, "entries once journald reads again")
        lost = [e["MESSAGE"] for e in self.entries() if "lines left out" in e["MESSAGE"]]
        self.assertGreater(sum(int(text.split()[0]) for text in lost), 100, lost)


if __name__ == "__main__":
    if sys.argv[1:] == [IN_NAMESPACE]:
        del sys.argv[1]
        del Log, WithJournald
    else:
        del InNamespace
    unittest.main()
