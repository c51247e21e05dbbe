#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_degraded.py - what the system gives no more of: descriptors, threads, memory, rights, sockets' files. What needs
# none of it goes on, it is told once and in /status, and all is well when there is some again.
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest

import harness
from harness import NOBODY, until

IS_ROOT = os.geteuid() == 0


def health(client):
    status = client.status()
    return status["health"], status["health_why"]


class Degraded(unittest.TestCase):
    @contextlib.contextmanager
    def playing(self, **more):
        """A daemon on which a voice sounds all the time, a client, and a sound that is not loaded yet."""
        with harness.Daemon(**more) as daemon:
            client = daemon.client()
            client.do("/play", daemon.sound("n.wav", harness.wav([1000] * 4800)), "id", 1, "loop", 1)
            until(lambda: client.status()["uptime"] > 0.5, "its first looks")
            self.base = client.status()["health_why"]  # of this machine: rights that it does not give
            yield daemon, client, daemon.sound("other.wav", harness.wav([1000] * 4800))
            self.assertEqual(list(client.voices()), [1])
            frames = client.status()["frames"]
            until(lambda: client.status()["frames"] > frames, "frames")

    @contextlib.contextmanager
    def limit(self, daemon, what, soft):
        """As the daemon's own user: that of others may be out of reach for root, too."""
        def prlimit(*more):
            run = subprocess.run(["prlimit", "--pid", str(daemon.process.pid), *more], check=True, capture_output=True,
                                 text=True, **({} if daemon.user is None else {"user": daemon.user, "group": daemon.user, "extra_groups": []}))
            return run.stdout.strip()
        before = prlimit(f"--{what}", "-o", "SOFT", "--noheadings")
        prlimit(f"--{what}={soft}:")
        yield
        prlimit(f"--{what}={before}:")

    def tells(self, client, text):
        until(lambda: health(client)[0] == "degraded" and text in health(client)[1], f"health: {text}")

    def is_well_again(self, client):
        until(lambda: client.status()["health_why"] == self.base, "health", 20)

    def cpu(self, daemon, seconds=0.5):
        """The share of a processor that the control thread takes."""
        def spent():
            with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[0]) / 1e9
        before, began = spent(), time.monotonic()
        time.sleep(seconds)
        return (spent() - before) / (time.monotonic() - began)

    def connect(self, daemon):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.settimeout(harness.PATIENCE_S)
        connection.connect(daemon.stream)
        return connection

    def says_pong(self, connection):
        connection.sendall(b"ping\n")
        return connection.recv(4096)

    # ---- descriptors ----

    def test_no_descriptors(self):
        with self.playing(backend="null, alsa:null") as (daemon, client, sound):
            client.settle()
            n_fds = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
            with self.limit(daemon, "nofile", n_fds):
                waiting = [self.connect(daemon) for _ in range(3)]
                self.tells(client, "no file descriptor is left")
                if not harness.SANITIZE:
                    self.assertLess(self.cpu(daemon), 0.3, "it spins")
                answer = client.call("/sound/load", "other", sound)
                self.assertEqual(answer[0], "/error", answer)
                self.assertRegex(answer[3], "(?i)too many open files|descriptor")
                with open(sound, "rb") as file:  # one that is handed over does not arrive
                    answer = client.call("/play", "fd", fds=[file.fileno()])
                self.assertEqual(answer[0], "/error", answer)
                answer = client.call("/backend", "alsa")
                self.assertEqual(answer[:3], ["/error", "/backend", "refused"], answer)
                self.assertGreater(len(answer[3]), 10)
            for connection in waiting:
                self.assertIn(b"done", self.says_pong(connection))
            client.do("/sound/load", "other", sound)
            self.assertEqual(client.do("/backend", "alsa:null"), ["alsa:null"])
            client.do("/backend", "null")
            self.is_well_again(client)
            self.assertEqual(daemon.stderr().count("no file descriptor is left"), 1)

    def test_too_few_from_the_start(self):
        """The limit is raised as far as it may be; where that is little it says so, where it is too little it leaves."""
        for hard, starts in (400, True), (200, True), (100, False), (8, False):
            with self.subTest(hard):
                daemon = harness.Daemon()
                self.addCleanup(daemon.remove)
                daemon.preload = {}
                with open(daemon.path("stderr"), "wb") as stderr:
                    daemon.process = subprocess.Popen(
                        ["prlimit", f"--nofile=8:{hard}", daemon.program, *daemon.options], env=daemon.environment,
                        stderr=stderr)
                if starts:
                    daemon.wait_until_up().client().do("/play", daemon.sound("n.wav", harness.wav([1000] * 4800)))
                    self.assertEqual("warning: the limit of open files is 200" in daemon.stderr(), hard == 200)
                    daemon.stop()
                else:
                    code, said = daemon.wait()
                    self.assertEqual(code, 1)
                    self.assertIn(f"error: the limit of open files is {hard}, and ", said)

    # ---- threads, processes and memory ----

    @unittest.skipUnless(IS_ROOT, "limits of another user")
    def test_no_threads_nor_processes(self):
        with self.playing(backend="null, alsa:null", user=NOBODY) as (daemon, client, sound):
            client.settle()
            with self.limit(daemon, "nproc", 0):
                answer = client.call("/backend", "alsa")
                self.assertEqual(answer[:3], ["/error", "/backend", "refused"], answer)
                self.assertIn("thread", answer[3])
                self.tells(client, "no more threads")
                client.call("/sound/load", "one", sound)  # by the process that waits already
                answer = client.call("/sound/load", "two", sound)
                self.assertEqual(answer[0], "/error", answer)
                self.assertIn("Resource temporarily unavailable", answer[3])
            client.do("/sound/load", "two", sound)
            self.assertEqual(client.do("/backend", "alsa:null"), ["alsa:null"])
            client.do("/backend", "null")
            self.is_well_again(client)

    @unittest.skipIf(harness.SANITIZE, "sanitizers need address space")
    def test_no_address_space(self):
        with self.playing(backend="null, alsa:null") as (daemon, client, sound):
            with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
                n_bytes = int(file.read().split()[0]) * resource.getpagesize()
            with self.limit(daemon, "as", n_bytes):
                for _ in range(3):
                    answer = client.call("/sound/load", "other", sound)
                    if answer[0] == "/done":
                        client.do("/sound/unload", "other")
                    answer = client.call("/backend", "alsa")
                    self.assertEqual(answer[:3], ["/error", "/backend", "refused"], answer)
            client.do("/sound/load", "other", sound)
            self.assertEqual(client.do("/backend", "alsa:null"), ["alsa:null"])
            client.do("/backend", "null")
            self.is_well_again(client)

    # ---- rights ----

    @unittest.skipUnless(IS_ROOT, "starts as another user")
    def test_no_rights(self):
        """Both are told at once, each with what to do."""
        with self.playing(user=NOBODY) as (daemon, client, _):
            self.tells(client, "no real-time priority")
            self.assertEqual(daemon.chime("status").returncode, 10)
            self.assertEqual(daemon.stderr().count("WITHOUT REAL-TIME PRIORITY"), 1)
            if "address" not in harness.SANITIZE:  # which makes mlock() do nothing and succeed
                self.tells(client, "its memory is not locked")
                self.assertEqual(daemon.stderr().count("cannot lock"), 1)

    # ---- sockets ----

    def test_sockets_that_somebody_removes(self):
        with self.playing(udp=True) as (daemon, _, sound):
            kept, by_udp = self.connect(daemon), daemon.client(udp=True)
            for remove in (lambda: os.remove(daemon.socket), lambda: os.remove(daemon.stream),
                           lambda: shutil.rmtree(os.path.dirname(daemon.socket))):
                remove()
                until(lambda: os.path.exists(daemon.socket) and os.path.exists(daemon.stream), "they are made anew")
                self.assertEqual(daemon.client().do("/ping"), [])
                self.assertIn(b"done", self.says_pong(self.connect(daemon)))
                self.assertIn(b"done", self.says_pong(kept))
            self.assertEqual(daemon.stderr().count("it is made anew"), 4)
            by_udp.do("/sound/load", "x", sound)
            daemon.client().close()

    @unittest.skipUnless(IS_ROOT, "folders of another user")
    def test_sockets_that_cannot_be_made_again(self):
        with self.playing(user=NOBODY, udp=True) as (daemon, _, _):
            client, folder = daemon.client(udp=True), os.path.dirname(daemon.socket)
            os.chown(folder, 0, 0)
            os.remove(daemon.socket)
            self.tells(client, f"cannot be made again: {daemon.socket}")
            time.sleep(2)
            self.assertEqual(daemon.stderr().count("is gone: "), 1)
            os.chown(folder, NOBODY, NOBODY)
            until(lambda: os.path.exists(daemon.socket), "it is made anew")
            self.is_well_again(client)

    def test_another_daemon_in_its_place(self):
        """Who has lost its sockets to another one does not take that one's away."""
        first, second = harness.Daemon(udp=True), harness.Daemon()
        self.addCleanup(first.remove)
        self.addCleanup(second.remove)
        second.options += ["--socket", first.socket]
        first.start().process.send_signal(signal.SIGSTOP)  # lest it makes them anew at once
        shutil.rmtree(os.path.dirname(first.socket))
        second.launch()
        until(lambda: os.path.exists(first.stream), "the second one's sockets")
        first.process.send_signal(signal.SIGCONT)
        first.process.terminate()
        self.assertEqual(first.wait()[0], 0)
        self.assertEqual(first.client().do("/ping"), [])
        second.process.terminate()
        self.assertEqual(second.wait()[0], 0)

    @unittest.skipUnless(IS_ROOT, "mounts")
    def test_no_room_for_sockets(self):
        daemon = harness.Daemon()
        self.addCleanup(daemon.remove)
        for options in "size=64k,nr_inodes=1", "ro":
            with self.subTest(options):
                if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", daemon.path("run")], check=False).returncode:
                    self.skipTest("may not mount")
                try:
                    daemon.preload = {}
                    code, said = daemon.launch().wait()
                finally:
                    subprocess.run(["umount", daemon.path("run")], check=True)
                self.assertEqual(code, 1)
                self.assertRegex(said.splitlines()[-1], "error: cannot make the socket .*chimed.sock: .*--socket names")

    # ---- connections ----

    def test_nobody_can_hold_all_connections(self):
        with self.playing(udp=True, config="[control]\nconnections = 8\n") as (daemon, client, _):
            many = [self.connect(daemon) for _ in range(8)]
            for connection in reversed(many):
                self.says_pong(connection)  # the last one is the idlest
            refused = self.connect(daemon)
            self.assertEqual(refused.recv(4096), b"")  # its user has most
            comers = []
            for _ in range(4):  # until both have as many
                comers.append(socket.create_connection(("127.0.0.1", daemon.port), harness.PATIENCE_S))
                self.addCleanup(comers[-1].close)
                self.assertIn(b"done", self.says_pong(comers[-1]))
                self.assertIn(b"all connections are taken", many.pop().recv(4096))
            with socket.create_connection(("127.0.0.1", daemon.port), harness.PATIENCE_S) as fifth:
                self.assertEqual(fifth.recv(4096), b"")
            for connection in many + comers:
                self.assertIn(b"done", self.says_pong(connection))
            self.assertEqual(client.status()["connections_ousted"], 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
