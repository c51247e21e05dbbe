#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_sockets.py - every kind of socket, as people and programs use it: streams, floods, slow readers, hand-over.
import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import CHIMED, PATIENCE_S, SANITIZE, Daemon, bundle, messages, osc, until
from playing import seconds

N_FLOOD = 10000 if SANITIZE else 100000
PING = osc("/ping")
IS_ROOT = os.geteuid() == 0


def framed(packet):
    return struct.pack(">i", len(packet)) + packet


def slip(packet):
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Stream:
    """A connection that speaks OSC 1.0 with lengths."""

    def __init__(self, to):
        is_unix = isinstance(to, str)
        self.socket = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(to if is_unix else ("127.0.0.1", to))
        self.rest = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, packet):
        self.socket.sendall(framed(packet))

    def packets(self):
        """What comes, until the end."""
        while True:
            while len(self.rest) >= 4 and len(self.rest) >= 4 + (n := struct.unpack_from(">i", self.rest)[0]):
                packet = bytes(self.rest[4:4 + n])
                del self.rest[:4 + n]  # in no time, as bytearrays keep where they begin
                yield packet
            more = self.socket.recv(1 << 20)
            if not more:
                return
            self.rest += more

    def receive(self):
        return messages(next(self.packets()))[0]


def count_stream_answers(sock, n):
    """Answers of /done /ping in frames of a length that is always the same."""
    size, got = 4 + len(osc("/done", "/ping")), 0
    while got < n * size:
        more = sock.recv(1 << 20)
        if not more:
            break
        got += len(more)
    return got / size


class Flood:
    """Sends /ping as fast as it can, and counts the answers meanwhile: in bundles or not."""

    def __init__(self, client):
        self.client, self.n_answers, self.is_over = client, 0, False
        client.socket.settimeout(0.1)
        reader = threading.Thread(target=self.count)
        reader.start()
        try:
            for _ in range(N_FLOOD):
                self.send()
            until(self.is_complete, "the end of the flood")
        finally:
            self.is_over = True
            reader.join()

    def send(self):
        while True:
            with contextlib.suppress(TimeoutError):
                self.client.socket.send(PING)
                return

    def is_complete(self):
        return self.n_answers == N_FLOOD

    def count(self):
        one = osc("/done", "/ping")
        while not self.is_over:
            with contextlib.suppress(TimeoutError):
                self.n_answers += self.client.socket.recv(65536).count(one)


class UdpFlood(Flood):
    """Ends when each datagram is either answered or was lost for want of room."""

    def __init__(self, client, status):
        self.status, self.n_lost, self.lost_before = status, 0, status()["packets_lost"]
        super().__init__(client)

    def is_complete(self):
        self.n_lost = self.status()["packets_lost"] - self.lost_before
        return self.n_answers + self.n_lost == N_FLOOD


class Sockets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(udp=True, config="[control]\nconnections = 32\npatience = 1").start()
        cls.addClassCleanup(cls.daemon.remove)
        cls.client = cls.daemon.client()
        cls.client.do("/sound/load", "long", cls.daemon.sound("long.wav", seconds(60)))

    @classmethod
    def tearDownClass(cls):
        cls.client = None
        cls.daemon.stop()

    def places(self):
        return self.daemon.stream, self.daemon.port

    def run_with(self, text, *command):
        began = time.monotonic()
        result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        self.assertLess(time.monotonic() - began, PATIENCE_S / 2)  # it ended because the daemon ended it
        return result.stdout.splitlines()

    # ---- people ----

    def test_netcat(self):
        for place in ("-U", self.daemon.stream), ("127.0.0.1", str(self.daemon.port)), ("::1", str(self.daemon.port)):
            with self.subTest(place=place):
                self.assertEqual(self.run_with("ping\n", "nc", "-N", *place), ["/done /ping"])
                lines = self.run_with("# first\r\n\r\n/sync 7\r\nnone of this\nping", "nc", "-N", *place)
                self.assertEqual(len(lines), 3)
                self.assertTrue(any(line.startswith("/error /none unknown_method") for line in lines))
                self.assertIn("/synced 7", lines)  # which comes later than what rt has no part in
                self.assertIn("/done /ping", lines)

    def test_socat(self):
        for i, place in (5, f"UNIX:{self.daemon.stream}"), (6, f"TCP:127.0.0.1:{self.daemon.port}"):
            with self.subTest(place=place):
                lines = self.run_with(f"play long id {i} gain -6\nsync 1\nstop {i}\nvoice/list\n", "socat", "-t5", "-", place)
                self.assertIn(f"/done /play {i}", lines)
                self.assertIn("/synced 1", lines)
                self.assertIn("/done /stop 1", lines)

    def test_a_browser_is_no_client(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            lines = self.run_with("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nquit\r\n", "nc", "-N", "127.0.0.1",
                                  str(self.daemon.port))
            self.assertEqual(lines, [])
        self.client.do("/ping")

    # ---- programs ----

    def test_framings(self):
        for place in self.places():
            with self.subTest(place=place), Stream(place) as s:
                s.send(PING)
                self.assertEqual(s.receive(), ["/done", "/ping"])
                s.send(bundle(osc("/ping"), osc("/sync", 3)))
                self.assertEqual(sorted([s.receive(), s.receive()]), [["/done", "/ping"], ["/synced", 3]])
                for byte in framed(PING):
                    s.socket.sendall(bytes([byte]))
                    time.sleep(0.001)
                self.assertEqual(s.receive(), ["/done", "/ping"])
            with self.subTest(place=place, slip=True), Stream(place) as s:
                s.socket.sendall(slip(PING) + slip(osc("/none", "\xc0\xdb")))
                want = slip(osc("/done", "/ping"))
                got = s.socket.recv(len(want), socket.MSG_WAITALL)
                self.assertEqual(got, want)
                self.assertEqual(s.socket.recv(8), b"\xc0/error\0")

    def test_bad_frames(self):
        for place in self.places():
            for bad in b"\0\7\0\0", b"\xc0ab\xdbx\xc0", b"\2":
                with self.subTest(place=place, bad=bad), Stream(place) as s:
                    s.socket.sendall(bad)
                    got = b""
                    while more := s.socket.recv(4096):
                        got += more
                    self.assertIn(b"bad_packet", got)
            with self.subTest(place=place), Stream(place) as s:  # a bad packet in a good frame is answered
                s.send(b"nonsense")
                self.assertEqual(s.receive()[:3], ["/error", "", "bad_packet"])
                s.send(PING)
                self.assertEqual(s.receive(), ["/done", "/ping"])

    def answers_until_end(self, place, *packets):
        """What a client gets that says all that it has to say, and closes its end."""
        began = time.monotonic()
        with Stream(place) as s:
            for packet in packets:
                s.send(packet)
            s.socket.shutdown(socket.SHUT_WR)
            got = [messages(packet)[0] for packet in s.packets()]
        self.assertLess(time.monotonic() - began, PATIENCE_S / 2)  # the daemon knew that this was all
        return got

    def test_ends_when_all_is_answered(self):
        for place in self.places():
            with self.subTest(place=place):
                bad = bundle(*[PING] * 5)[:-4] + b",Q\0\0"  # one answer for a bad packet, whatever is in it
                self.assertEqual([m[2] for m in self.answers_until_end(place, bad)], ["bad_packet"])
                self.assertEqual(self.answers_until_end(place, bundle()), [])
                self.assertEqual(len(self.answers_until_end(place, osc("/hello"))), 1)
                refused = self.answers_until_end(place, bundle(PING, osc("/none"), PING))
                self.assertEqual([m[2] for m in refused], ["not_done", "unknown_method", "not_done"])

    def test_lines_that_grow(self):
        """A line is longer than its message where each byte must be escaped."""
        with Stream(self.daemon.stream) as s:
            s.socket.sendall(b'"/' + b"\\x01" * 250 + b'"\n')
            line = s.socket.makefile("r").readline()
        self.assertTrue(line.startswith('/error "/' + "\\x01" * 250 + '" unknown_method "no method'), line)
        self.assertTrue(line.endswith('"\n'), line)

    def test_several_answers_to_one_message(self):
        for place in self.places():
            with self.subTest(place=place):
                got = self.answers_until_end(place, osc("/*/list"), osc("/sound/load", "again", "long.wav"))
                self.assertEqual(sorted(m[1] for m in got if m[0] == "/done"),
                                 ["/bus/list", "/sound/list", "/sound/load", "/voice/list"])
                self.client.do("/sound/unload", "again")

    def test_oscsend_over_tcp(self):
        subprocess.run(["oscsend", f"osc.tcp://127.0.0.1:{self.daemon.port}/", "/play", "ssi", "long.wav", "id", "61"],
                       check=True)
        until(lambda: 61 in self.client.voices(), "the voice")
        self.client.do("/stop", 61)

    def test_liblo_over_tcp(self):
        try:
            import liblo  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest("python3-liblo is missing")
        address = liblo.Address(f"osc.tcp://127.0.0.1:{self.daemon.port}/")
        liblo.send(address, "/play", "long.wav", "id", 62)
        until(lambda: 62 in self.client.voices(), "the voice")
        liblo.send(address, liblo.Bundle(liblo.Message("/stop", 62), liblo.Message("/play", "long.wav", "id", 63)))
        until(lambda: 63 in self.client.voices(), "the other voice")
        self.client.do("/stop", 63)

    def test_lists_are_whole_on_streams(self):
        n = 300
        for i in range(n):
            self.client.do("/play", "long.wav", "id", 1000 + i)
        for place in self.places():
            with self.subTest(place=place), Stream(place) as s:
                s.send(osc("/voice/list"))
                got = []
                for packet in s.packets():
                    got += messages(packet)
                    if got[-1][0] == "/done":
                        break
                self.assertEqual(got[-1], ["/done", "/voice/list", n])
                self.assertEqual([m[0] for m in got[:-1]], ["/voice/info"] * n)
        udp = self.daemon.client(udp=True)
        udp.send(osc("/voice/list"))
        parts, rows = [], 0
        while True:
            packet = udp.socket.recv(65536)
            self.assertLessEqual(len(packet), 1400)
            got = messages(packet)
            self.assertEqual(got[0][0], "/part")
            parts.append(got[0][1:])
            rows += sum(m[0] == "/voice/info" for m in got)
            if got[-1][0] == "/done":
                break
        self.assertEqual(rows, n)
        self.assertEqual(parts, [[parts[0][0], i] for i in range(len(parts) - 1)] + [[parts[0][0], len(parts) - 1, len(parts)]])
        result = self.daemon.chime("--url", f"osc.udp://127.0.0.1:{self.daemon.port}/", "list", "voices")
        self.assertEqual(result.stdout.count("long.wav"), n)
        self.client.do("/stop", "all")
        until(lambda: not self.client.voices(), "the end of all")

    def test_chime_over_each(self):
        for url in (f"osc.unix://{self.daemon.socket}", f"osc.stream://{self.daemon.stream}",
                    f"osc.udp://127.0.0.1:{self.daemon.port}", f"osc.tcp://127.0.0.1:{self.daemon.port}/",
                    f"osc.tcp://[::1]:{self.daemon.port}"):
            with self.subTest(url=url):
                self.assertEqual(self.daemon.chime("--url", url, "play", "long", "--id", 71).stdout, "71\n")
                self.assertIn("long", self.daemon.chime("--url", url, "list", "voices").stdout)
                self.assertEqual(self.daemon.chime("--url", url, "stop", 71).returncode, 0)
                self.assertEqual(self.daemon.chime("--url", url, "send", "/sync", 3).stdout, "/synced 3\n")
                until(lambda: not self.client.voices(), "the end of the voice")
        result = self.daemon.chime("--url", "osc.stream:///nowhere/chimed.stream", "send", "/ping")
        self.assertEqual(result.returncode, 3, result.stderr)

    # ---- floods ----

    def test_flood_of_streams(self):
        for place in self.places():
            with self.subTest(place=place), Stream(place) as s:
                block = framed(PING) * 1000

                def send(s=s, block=block):
                    for _ in range(N_FLOOD // 1000):
                        s.socket.sendall(block)
                sender = threading.Thread(target=send)
                sender.start()
                self.assertEqual(count_stream_answers(s.socket, N_FLOOD), N_FLOOD)
                sender.join()

    def test_flood_of_unix_datagrams(self):
        before = self.client.status()
        Flood(self.daemon.client())  # which ends when all are answered
        after = self.client.status()
        self.assertEqual(after["packets"] - before["packets"], N_FLOOD + 1)
        self.assertEqual(after["answers_lost"], before["answers_lost"])

    @unittest.skipUnless(IS_ROOT, "only root may have a buffer of 8 MiB")
    def test_flood_of_udp(self):
        """None is lost unless somebody else keeps the daemon from running; each that is lost is counted."""
        n_lost = []
        while 0 not in n_lost and len(n_lost) < 10:
            client = self.daemon.client(udp=True)
            client.socket.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE: its own buffer loses nothing
            n_lost.append(UdpFlood(client, self.client.status).n_lost)
        self.assertIn(0, n_lost)

    # ---- clients that misbehave ----

    def last_message(self, stream):
        """Reads what there is, to the end, and fast: the daemon waits for 10 s, and others wait to be read."""
        last = None
        stream.socket.setblocking(True)
        stream.socket.settimeout(PATIENCE_S)
        with stream, contextlib.suppress(ConnectionResetError):
            for packet in stream.packets():
                last = packet
        return messages(last)[0] if last else [None]

    def test_readers_that_never_read(self):
        ask = framed(osc("/status")) * 20
        deaf = {Stream(place): time.monotonic() for place in self.places() * 5}  # when each was last read from
        for stream in deaf:
            stream.socket.setblocking(False)
        while deaf:
            for stream in list(deaf):
                with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    stream.socket.send(ask)
                    deaf[stream] = time.monotonic()
                if time.monotonic() > deaf[stream] + 2:  # for longer than the daemon's patience
                    last = self.last_message(stream)
                    self.assertEqual((last[0], last[2:3]), ("/error", ["slow_reader"]))
                    del deaf[stream]
            self.client.do("/ping")

    def test_comings_and_goings(self):
        def open_files():
            return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))
        before = open_files()
        for i in range(1000):
            with Stream(self.places()[i % 2]) as s:
                if i % 3 == 0:
                    s.send(PING)
                if i % 7 == 0:
                    s.receive() if i % 3 == 0 else s.socket.sendall(b"\0\0\0")
        until(lambda: open_files() == before, "the end of all connections")
        with Stream(self.daemon.stream) as s:
            s.send(PING)
            self.assertEqual(s.receive(), ["/done", "/ping"])

    def test_too_many(self):
        streams = [Stream(self.daemon.stream) for _ in range(40)]
        n = 0
        for s in streams:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, StopIteration):
                s.send(PING)
                n += s.receive() == ["/done", "/ping"]
        for s in streams:
            s.socket.close()
        self.assertEqual(n, 32)
        self.client.do("/ping")


class Limits(unittest.TestCase):
    def test_rate(self):
        with Daemon(udp=True, config="[control]\nmessage_rate = 200") as daemon:
            client = daemon.client()
            for _ in range(1000):
                client.send(PING)
            got = [m for m in iter(lambda: client.receive(0.5), None)]
            refused = [m for m in got if m[0] == "/error"]
            self.assertEqual([m[2] for m in refused], ["too_fast"])
            self.assertLess(len(got), 300)
            with Stream(daemon.stream) as s:  # which is held back, and loses nothing
                s.socket.sendall(framed(PING) * 500)
                self.assertEqual(count_stream_answers(s.socket, 500), 500)

    def test_what_must_not_start(self):
        for config, text in (("[control]\nlisten = 0.0.0.0", "allow_from"),
                             ("[control]\nlisten = nowhere\n[access]\nallow_from = 10.0.0.0/8", "listen = nowhere"),
                             ("[access]\nallow_from = 10.0.0.0/99", "allow_from = 10.0.0.0/99"),
                             ("[access]\nadmin_users = nobody-at-all", "no user nobody-at-all")):
            with self.subTest(config=config):
                daemon = Daemon(udp=True, config=config)
                self.addCleanup(daemon.remove)
                code, said = daemon.launch().wait()
                self.assertEqual(code, 1)
                self.assertIn(text, said)
                self.assertFalse(os.path.exists(daemon.socket))

    def test_roles_are_told(self):
        config = "[access]\nunix_role = read\nadmin_users = 65534\nplay_users = root"
        with Daemon("--log-level", "debug", config=config) as daemon:
            with Stream(daemon.stream) as s:
                s.send(PING)
                s.receive()
            until(lambda: "gid 0, process" in daemon.stderr() and ": may play" in daemon.stderr(), "the role")


def own_address():
    """An address of this machine that is not one of the loopback; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


class Network(unittest.TestCase):
    """Over an address that could be forged."""

    def setUp(self):
        self.address = own_address()
        if not self.address:
            self.skipTest("this machine has no network")

    def daemon(self, network):
        daemon = Daemon(udp=True, config=f"[control]\nlisten = {self.address}\n[access]\nallow_from = {network}")
        self.addCleanup(daemon.remove)
        return daemon.start()

    def udp(self, daemon):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        s.bind((self.address, 0))
        s.connect((self.address, daemon.port))
        s.settimeout(1)
        return s

    def test_no_amplification(self):
        daemon = self.daemon(self.address)
        s = self.udp(daemon)
        s.send(PING)
        self.assertEqual(s.recv(4096), osc("/done", "/ping"))
        s.send(osc("/status"))
        with self.assertRaises(TimeoutError):  # what came allows for less than that
            s.recv(4096)
        for _ in range(400):
            s.send(b"/ping\0\0\0")
            s.recv(4096)
        with Stream(daemon.stream) as local:  # who cannot forge where he is
            local.send(osc("/status"))
            until(lambda: local.receive()[:2] == ["/done", "/status"], "the whole answer")
        daemon.stop()

    def test_who_is_not_named_stays_out(self):
        daemon = self.daemon("198.51.100.0/24")
        s = self.udp(daemon)
        s.send(PING)
        with self.assertRaises(TimeoutError):
            s.recv(4096)
        with socket.create_connection((self.address, daemon.port), PATIENCE_S) as tcp:
            tcp.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionResetError):
                tcp.sendall(framed(PING))
                self.assertEqual(tcp.recv(100), b"")
        daemon.client().do("/ping")
        daemon.stop()


class Activation(unittest.TestCase):
    """Sockets that were there before the daemon."""

    def setUp(self):
        self.daemon = Daemon(udp=True)
        self.addCleanup(self.daemon.remove)
        os.makedirs(os.path.dirname(self.daemon.socket))

    def launch(self, sockets, name="chimed"):
        """Starts the daemon with these sockets as the service manager would."""
        def hand_over():
            for i, s in enumerate(sockets):
                os.dup2(s.fileno(), 100 + i)
            for i in range(len(sockets)):
                os.dup2(100 + i, 3 + i)
                os.close(100 + i)
        names = ":".join(name for _ in sockets)
        command = ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$0" "$@"', CHIMED, *self.daemon.options]
        with open(self.daemon.path("stderr"), "ab") as stderr:
            self.daemon.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, preexec_fn=hand_over,
                close_fds=False, env={**self.daemon.environment, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names})
        self.daemon.preload = {}

    def stop(self):
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.process.wait(PATIENCE_S), 0, self.daemon.stderr())

    def sockets(self):
        kinds = ((socket.AF_UNIX, socket.SOCK_DGRAM, self.daemon.socket), (socket.AF_UNIX, socket.SOCK_STREAM, self.daemon.stream),
                 (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", self.daemon.port)),
                 (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", self.daemon.port)))
        found = []
        for family, kind, place in kinds:
            s = socket.socket(family, kind)
            self.addCleanup(s.close)
            s.bind(place)
            if kind == socket.SOCK_STREAM:
                s.listen()
            found.append(s)
        return found

    def test_all_four_kinds(self):
        sockets = self.sockets()
        early = self.daemon.client(), self.daemon.client(udp=True), Stream(self.daemon.stream), Stream(self.daemon.port)
        for client in early:
            client.send(PING)  # before there is a daemon
        self.launch(sockets)
        for client in early:
            self.assertEqual(client.receive(), ["/done", "/ping"])
            client.send(PING)
            self.assertEqual(client.receive(), ["/done", "/ping"])
        self.assertEqual(self.daemon.chime("send", "/ping").stdout, "/done /ping\n")
        for client in early[2:]:
            client.socket.close()
        self.stop()
        for path in self.daemon.socket, self.daemon.stream:
            self.assertTrue(os.path.exists(path))  # they are the service manager's
        late = self.daemon.client()
        late.send(PING)  # between two daemons
        self.launch(sockets)
        self.assertEqual(late.receive(), ["/done", "/ping"])
        self.stop()

    def test_file_that_somebody_removes(self):
        """It is the service manager's to make it anew; told whether it goes before the start or later, and when it is back."""
        for name, unit in ("chimed", "its unit"), ("chimed@USB.socket", "chimed@USB.socket"):
            with self.subTest(name):
                sockets, kept = self.sockets(), self.daemon.path("kept")
                os.link(self.daemon.stream, kept)
                os.remove(self.daemon.socket)
                self.launch(sockets, name)
                client = self.daemon.client(udp=True)
                until(lambda: f"{self.daemon.socket} (restart {unit})" in client.status()["health_why"], "the one before the start")
                self.stop()
                sockets[0].close()
                self.launch(sockets[1:], name)
                until(lambda: "a socket" not in client.status()["health_why"], "it listens at that place itself")
                os.remove(self.daemon.stream)
                until(lambda: f"{self.daemon.stream} (restart {unit})" in client.status()["health_why"], "the later one")
                self.assertEqual(self.daemon.chime("status").returncode, 10)
                os.rename(kept, self.daemon.stream)
                until(lambda: "a socket" not in client.status()["health_why"], "it is back")
                self.stop()
                self.assertEqual(self.daemon.stderr().count(f"only the service manager can make it anew: restart {unit}\n"), 2)
                os.remove(self.daemon.stream)
                for given in sockets:
                    given.close()

    def test_what_a_small_buffer_loses_is_counted(self):
        sockets = self.sockets()
        sockets[2].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
        client = self.daemon.client(udp=True)
        n = 1000
        for _ in range(n):
            client.send(PING)
        self.launch(sockets)
        asking, asked = self.daemon.client(), 0

        def accounted():
            nonlocal asked
            status, asked = asking.status(), asked + 1
            self.assertGreater(status["packets_lost"], 800)
            return status["packets"] - asked + status["packets_lost"]
        until(lambda: accounted() == n, "every datagram, taken or lost")
        self.assertEqual(sockets[2].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), 40000)  # left as it was
        self.stop()

    def test_what_is_no_socket_of_ours(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as no_listener, open(os.devnull, "rb") as file:
            for given in no_listener, file:
                self.launch([given])
                self.assertEqual(self.daemon.process.wait(PATIENCE_S), 1)
                self.assertIn("no socket that can be used", self.daemon.stderr())

    def test_systemd_socket_activate(self):
        for options, place in (["-d"], self.daemon.socket), ([], self.daemon.stream):
            with self.subTest(place=place):
                command = ["systemd-socket-activate", *options, "-l", place, CHIMED, *self.daemon.options]
                with open(self.daemon.path("stderr"), "ab") as stderr:
                    names = [f"-E{name}" for name in self.daemon.environment if name.startswith(("XDG_", "ASAN", "TSAN"))]
                    command[1:1] = [*names, "-EHOME"]
                    self.daemon.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                                           env=self.daemon.environment)
                until(lambda place=place: os.path.exists(place), "the socket")
                client = self.daemon.client() if options else Stream(place)
                client.send(PING)  # which starts it
                self.assertEqual(client.receive(), ["/done", "/ping"])
                client.socket.close()
                self.stop()
                self.assertTrue(os.path.exists(place))


if __name__ == "__main__":
    unittest.main(verbosity=2)
