#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_units.py - reload, a unit for each of several cards, and the unit of a user.
import os
import pathlib
import pwd
import sys
import unittest

import harness
from service import Test, chime, is_up, main_pid, run, said, show, systemctl, timed

LOOP = ("gain", -20.0, "loop", True)


class Reload(Test):
    def test_what_can_be_applied(self):
        self.configure("[bus music]\n")
        client = self.start()
        pid = main_pid()
        voice = client.do("/play", self.sound, *LOOP)[0]
        self.configure("[bus music]\n[bus speech]\n")
        timed("reload", systemctl, "reload", self.unit)
        self.assertEqual(show("ActiveState"), "active")
        self.assertEqual(main_pid(), pid)
        self.assertIn(voice, client.voices())
        self.assertIn("speech", client.buses())

    def test_a_mistake_changes_nothing(self):
        client = self.start()
        client.do("/play", self.sound, *LOOP)
        pid = main_pid()
        self.configure("[output]\nrate = fast\n")
        self.assertNotEqual(systemctl("reload", self.unit, check=False).returncode, 0)
        self.assertEqual((show("ActiveState"), main_pid(), client.status()["voices"]), ("active", pid, 1))
        self.assertTrue(said("rate = fast", since=self.began))


class Instances(Test):
    unit = "chimed@.service"

    def test_several_at_once(self):
        names = "A", "B", "C"
        for name in names:
            systemctl("start", f"chimed@{name}.service")
        systemctl("start", "chimed.service")
        self.assertEqual(len({main_pid(f"chimed@{name}.service") for name in names} | {main_pid()}), 4)
        for name in names:
            client = self.client(f"/run/chimed-{name}/chimed.sock")
            client.do("/play", self.sound, *LOOP)
            self.assertEqual(client.status()["voices"], 1)
            self.assertTrue(os.path.isdir(f"/var/lib/private/chimed-{name}"))
            self.assertEqual(chime("--instance", name, "ping", check=False).returncode, 0)
        self.assertEqual(self.client().status()["voices"], 0)
        systemctl("stop", "chimed@B.service")
        self.assertTrue(is_up("/run/chimed-A/chimed.sock") and is_up("/run/chimed-C/chimed.sock"))

    def test_a_configuration_each(self):
        self.configure("[engine]\nvoices = 77\n", "A.conf")
        for name in "A", "B":
            systemctl("start", f"chimed@{name}.service")
        self.assertEqual([self.client(f"/run/chimed-{name}/chimed.sock").status()["voices_max"] for name in ("A", "B")],
                         [77, 1024])
        self.configure("", "A.conf")

    def test_crash_of_one(self):
        for name in "A", "B":
            systemctl("start", f"chimed@{name}.service")
        before = main_pid("chimed@B.service")
        os.kill(main_pid("chimed@A.service"), 9)
        self.until(lambda: show("NRestarts", "chimed@A.service") == "1" and is_up("/run/chimed-A/chimed.sock"), "the restart")
        self.assertEqual(main_pid("chimed@B.service"), before)


class OfAUser(Test):
    """Under the user's own manager, on the user's own JACK server."""
    name = "player"

    def as_user(self, *command, check=True):
        return run("runuser", "-u", self.name, "--", "env", f"XDG_RUNTIME_DIR=/run/user/{self.uid}",
                   f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{self.uid}/bus", *command, check=check)

    def setUp(self):
        super().setUp()
        # In a container something lies over /proc/kmsg already, which this user's manager cannot cover.
        folder = pathlib.Path("/run/systemd/user/chimed.service.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "container.conf").write_text("[Service]\nProtectKernelLogs=no\n", encoding="utf-8")
        run("useradd", "--create-home", self.name, check=False)
        self.uid = pwd.getpwnam(self.name).pw_uid
        result = systemctl("start", f"user@{self.uid}.service", check=False)
        if result.returncode != 0:
            self.skipTest(f"no manager for users in this container: {result.stderr}")

    def tearDown(self):
        systemctl("stop", f"user@{self.uid}.service", check=False)
        super().tearDown()

    def show(self, name):
        return self.as_user("systemctl", "--user", "show", "--value", "--property", name, self.unit).stdout.strip()

    def test_on_jack(self):
        self.as_user("systemd-run", "--user", "--quiet", "--unit=jack", "jackd", "--no-realtime", "-d", "dummy")
        result = self.as_user("systemctl", "--user", "start", self.unit, check=False)
        if result.returncode != 0:
            self.fail(run("journalctl", "--output=cat", f"_UID={self.uid}").stdout)
        self.assertEqual((self.show("ActiveState"), self.show("SubState")), ("active", "running"))
        self.until(lambda: "jack" in self.show("StatusText"), "JACK")
        self.as_user(harness.CHIME, "play", self.sound)
        pid = int(self.show("MainPID"))
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, self.uid)
        self.assertFalse(is_up())  # the system's sockets are others
        os.kill(pid, 9)
        self.until(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active", "the restart")
        self.as_user("systemctl", "--user", "stop", self.unit)
        self.assertEqual(self.show("Result"), "success")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
