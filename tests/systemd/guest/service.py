# SPDX-License-Identifier: MIT
# service.py - what the tests under a real systemd share: the unit as the manager sees it, drop-ins, the journal.
"""Needs CHIMED and CHIME, of the installation whose unit is tested."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

import harness

UNIT = "chimed.service"
SOCKET, STREAM, PORT = "/run/chimed/chimed.sock", "/run/chimed/chimed.stream", 57300
DROP_INS = pathlib.Path("/run/systemd/system")
FOLDER = "/run/chimed-test"  # where sockets of clients lie: seen by the daemon, which /tmp is not
NULL = '[Service]\nEnvironment="CHIMED_OPTIONS=--backend null"\n'  # a machine without a card


def run(*command, check=True, **more):
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **more)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def systemctl(*words, check=True):
    return run("systemctl", "--no-pager", *words, check=check)


def chime(*words, check=True, **more):
    return run(harness.CHIME, *map(str, words), check=check, **more)


def show(name, unit=UNIT):
    return systemctl("show", "--value", "--property", name, unit).stdout.strip()


def main_pid(unit=UNIT):
    return int(show("MainPID", unit))


def drop_in(text, unit=UNIT, name="test"):
    folder = DROP_INS / f"{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.conf").write_text(text, encoding="utf-8")
    systemctl("daemon-reload")


def drop_out(unit=UNIT):
    for file in DROP_INS.glob(f"{unit}.d/*.conf"):
        file.unlink()
    systemctl("daemon-reload")


def journal(unit=UNIT, since=None):
    """Every entry of the unit's, as dictionaries."""
    run("journalctl", "--sync", check=False)  # it is written behind: now what was said is in it
    command = ["journalctl", "--output=json", "--all", f"--unit={unit}"]
    if since:
        command.append(f"--since=@{since:.6f}")
    return [json.loads(line) for line in run(*command).stdout.splitlines()]


def said(pattern, unit=UNIT, since=None):
    return [e for e in journal(unit, since) if re.search(pattern, str(e.get("MESSAGE", "")))]


def timed(text, action, *arguments):
    """Does it, and reports how long it took."""
    began = time.monotonic()
    result = action(*arguments)
    print(f"time: {text}: {1000 * (time.monotonic() - began):.0f} ms", flush=True)
    return result


def is_up(to=SOCKET):
    """The daemon answers."""
    try:
        client = harness.Client(to, FOLDER)
    except OSError:
        return False
    try:
        client.send(harness.osc("/ping"))
        return client.receive(0.5) is not None
    except OSError:
        return False
    finally:
        client.close()


def forget():
    """The state of stopped daemons, which would be resumed, and when they have crashed (chimed-holdoff)."""
    for folder in pathlib.Path("/var/lib/private").glob("chimed*"):
        shutil.rmtree(folder)
    for memory in pathlib.Path("/run").glob("chimed*/crashed"):
        memory.unlink()


def place(client, loop):
    """Where in its file the loop would have been at moment 0: of several answers, that of the quickest."""
    places = []

    def look():
        before = time.monotonic()
        client.do("/dump")
        after = time.monotonic()
        for message in client.seen:  # none while it is about to begin
            if message[0] == "/play" and message[message.index("id") + 1] == loop:
                places.append((after - before, message[message.index("start") + 1] - (before + after) / 2))
        client.seen = []
        return len(places) >= 9
    harness.until(look, "its place")
    return min(places)[1]


class Test(unittest.TestCase):
    """Each test begins with a stopped unit without state and without drop-ins but these, and shows the journal when it fails."""
    unit, sound = UNIT, "/usr/share/sounds/chimed-test.wav"
    plays_on, unit_drop_in = NULL, ""

    def setUp(self):
        os.makedirs(FOLDER, exist_ok=True)
        pathlib.Path(self.sound).write_bytes(harness.wav(harness.sine(48000)))
        self.clients = []
        self.began = time.time()
        forget()
        drop_in(self.plays_on + self.unit_drop_in, self.unit)

    def tearDown(self):
        for client in self.clients:
            client.close()
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            for entry in journal(self.unit, self.began):
                if not re.match("client from", str(entry["MESSAGE"])):
                    print("journal:", entry["MESSAGE"], file=sys.stderr)
        systemctl("stop", "chimed.socket", "chimed*.service", check=False)
        systemctl("reset-failed", check=False)
        drop_out(self.unit)
        self.configure("")

    def client(self, to=SOCKET):
        self.clients.append(harness.Client(to, FOLDER))
        return self.clients[-1]

    def configure(self, text, name="chimed.conf"):
        """Writes a configuration of the system's; "" removes it."""
        path = pathlib.Path("/etc/chimed", name)
        path.parent.mkdir(exist_ok=True)
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)

    def start(self):
        systemctl("start", self.unit)
        return self.client()

    def until(self, is_true, what, timeout_s=30):
        return harness.until(is_true, what, timeout_s)
