#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_sockets.py - chimed.socket: what comes before the daemon waits for it, and nothing of it is lost.
import json
import os
import socket
import sys
import threading
import unittest

import harness
from harness import osc
from service import FOLDER, PORT, SOCKET, STREAM, Test, chime, is_up, main_pid, said, show, systemctl

N = 1000
GO = f"{FOLDER}/go"
SLOW = f"[Service]\nExecStartPre=/bin/sh -c 'until [ -e {GO} ]; do sleep 0.05; done'\n"
SO_RCVBUFFORCE = 33  # of <asm/socket.h>; Python does not know it


class Activation(Test):
    unit_drop_in = SLOW

    def setUp(self):
        super().setUp()
        if os.path.exists(GO):
            os.unlink(GO)
        systemctl("start", "chimed.socket")

    def go(self):
        open(GO, "w", encoding="ascii").close()
        systemctl("start", self.unit)

    def collect(self, client):
        """The numbers of all answers to /sync."""
        numbers = []
        while len(numbers) < N and (message := client.receive(10)):
            if message[0] == "/synced":
                numbers.append(message[1])
        return numbers

    def answered(self, to):
        client = self.client(to)
        client.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        sender = threading.Thread(target=lambda: [client.send(osc("/sync", i)) for i in range(N)])
        sender.start()
        if not isinstance(to, str):
            sender.join()  # no datagram of UDP waits for room: all are in the socket before the daemon starts
        self.until(lambda: show("ActiveState") == "activating", "the start by the first datagram")
        self.assertEqual(main_pid(), 0)
        self.go()
        numbers = self.collect(client)
        sender.join()
        self.assertEqual(numbers, list(range(N)))
        self.assertEqual(client.status()["packets_lost"], 0)

    def test_udp(self):
        self.answered(PORT)

    def test_unix(self):
        self.answered(SOCKET)

    def test_stream(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(STREAM)
            client.sendall(b"sync 7\n")
            self.until(lambda: show("ActiveState") == "activating", "the start by the connection")
            self.go()
            client.settimeout(10)
            self.assertIn(b"synced 7", client.recv(1000))

    def test_nothing_is_lost_over_a_restart(self):
        self.go()
        client = self.client(PORT)
        client.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        restart = threading.Thread(target=systemctl, args=("restart", self.unit))
        restart.start()
        for i in range(N):
            client.send(osc("/sync", i))
        numbers = self.collect(client)
        restart.join()
        self.assertEqual(sorted(set(numbers)), list(range(N)))

    def test_sockets_go_with_their_unit(self):
        self.go()
        systemctl("stop", "chimed.socket")
        self.assertEqual(show("ActiveState"), "inactive")
        self.assertFalse(os.path.exists(SOCKET) or os.path.exists(STREAM))
        self.assertFalse(is_up())

    def test_file_that_somebody_removes(self):
        """The daemon cannot make anew what systemd has made, but says who can."""
        self.go()
        client = self.client(PORT)
        for path in SOCKET, STREAM:
            inode = os.stat(path).st_ino
            os.unlink(path)
            self.until(lambda: f"{path} (restart chimed.socket)" in client.status()["health_why"], "the reason")
            self.assertTrue(said(f"{path} is gone: .*restart chimed.socket", since=self.began))
            report = json.loads(chime("doctor", "--json", check=False).stdout)
            told = [f for f in report["findings"] if f["topic"] == "daemon" and path in f["text"]]
            self.assertEqual(path == SOCKET, bool([f for f in told if "systemctl restart chimed.socket" in f["remedy"]]), told)
            self.assertTrue(told)
            systemctl("restart", "chimed.socket")  # and with it the daemon
            systemctl("start", self.unit)
            self.assertNotEqual(os.stat(path).st_ino, inode)
            self.until(lambda: "socket" not in client.status()["health_why"], "it is well again")
            self.assertTrue(is_up(SOCKET) and is_up(PORT))

    def test_client_starts_it(self):
        open(GO, "w", encoding="ascii").close()
        self.assertEqual(chime("ping", check=False).returncode, 0)
        self.assertEqual(show("ActiveState"), "active")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
