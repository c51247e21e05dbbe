#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# fuzz_sessions.py - random sessions against a live daemon over every socket that it has: it must live, answer, and leave
# no descriptor open. fuzz_sessions.py SECONDS [SEED]
import collections
import glob
import os
import random
import socket
import struct
import sys
import time

from harness import Daemon, PATIENCE_S, bundle, osc, sine, wav

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "fuzz"))
import make_corpus  # noqa: E402, what the other fuzzers begin with

MAX_DATAGRAM = 60000
HALF_CLOSED_S = 30  # a connection that has closed its end may wait for its answers so long
CONFIG = """
[engine]
voices = 32
buses = 8
sounds = 16
sound_memory = 16
schedule = 64
[access]
play_users = root
[control]
connections = 12
patience = 1
"""


class Traffic:
    """Random packets and lines: good, odd and broken."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.methods, self.names, self.choices = make_corpus.table(os.path.join(HERE, "../engine/osc/api.def"))
        self.good, self.lines = make_corpus.packets(self.methods), make_corpus.lines(self.methods)

    def value(self):
        rng = self.rng
        return rng.choice([
            rng.randint(-3, 40), rng.uniform(-2, 70), rng.choice(self.names), rng.choice(self.choices), "all", "bell.wav",
            "wide.wav", "none.wav", "lead", "music", "+3", "-0.5", f"#{rng.randint(0, 99)}", True, False, None, b"blob",
            ("h", rng.getrandbits(62)), ("d", rng.uniform(-1e9, 1e9)), ("t", rng.getrandbits(63)), ("c", 65),
            ("m", 0x903C7F), 2147483647, 1e30, "x" * rng.randint(0, 300)])

    def path(self):
        rng = self.rng
        return rng.choice([rng.choice([*self.methods]), rng.choice(make_corpus.PATTERNS), "/" + "a" * rng.randint(0, 300)])

    def random_message(self):
        return osc(self.path(), *(self.value() for _ in range(self.rng.randint(0, 8))))

    def near_message(self):
        """An example with one of its words exchanged, or some more."""
        path = self.rng.choice([*self.methods])
        words = [self.value_of(word) for word in self.methods[path]]
        for _ in range(self.rng.randint(0, 2)):
            if words:
                words[self.rng.randrange(len(words))] = self.value()
        if self.rng.random() < 0.3:
            words += [self.rng.choice(self.names), self.value()]
        return osc(path, *words)

    @staticmethod
    def value_of(word):
        for kind in int, float:
            try:
                return kind(word)
            except ValueError:
                pass
        return word

    def time_tag(self):
        now = int((time.time() + 2208988800) * 2 ** 32)
        return self.rng.choice([1, 0, now, now + self.rng.randrange(2 ** 32), now - self.rng.randrange(2 ** 36),
                                self.rng.getrandbits(64)])

    def random_bundle(self, depth=0):
        return bundle(*(self.packet(depth + 1) for _ in range(self.rng.randint(0, 4))), time_tag=self.time_tag())

    def damaged(self, packet):
        packet = bytearray(packet)
        for _ in range(self.rng.randint(1, 4)):
            if packet:
                packet[self.rng.randrange(len(packet))] = self.rng.randrange(256)
        return bytes(packet[:self.rng.choice([len(packet), len(packet), self.rng.randint(0, len(packet))])])

    def packet(self, depth=0):
        kind = self.rng.random()
        if kind < 0.25:
            packet = self.rng.choice(self.good)
        elif kind < 0.5:
            packet = self.near_message()
        elif kind < 0.65:
            packet = self.random_message()
        elif depth < 9:
            packet = self.random_bundle(depth)
        else:
            packet = osc("/ping")
        return self.damaged(packet) if depth == 0 and self.rng.random() < 0.3 else packet

    def line(self):
        line = self.rng.choice(self.lines).encode()
        return self.damaged(line).replace(b"\n", b" ") if self.rng.random() < 0.4 else line

    def stream(self):
        """Bytes of a connection in one of its three manners, or in none."""
        manner, n = self.rng.randrange(4), self.rng.randint(1, 30)
        if manner == 0:
            data = b"".join(struct.pack(">I", len(p)) + p for p in (self.packet() for _ in range(n)))
        elif manner == 1:
            packets = (self.packet().replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") for _ in range(n))
            data = b"".join(b"\xc0" + p + b"\xc0" for p in packets)
        elif manner == 2:
            data = b"".join(self.line() + self.rng.choice([b"\n", b"\r\n"]) for _ in range(n))
        else:
            data = self.rng.randbytes(self.rng.randint(0, 5000))
        return self.damaged(data) if self.rng.random() < 0.2 else data


class Session:
    """Some clients at once, each on a socket of its own kind, in random turns."""

    def __init__(self, daemon, traffic):
        self.daemon, self.traffic, self.rng, self.sockets = daemon, traffic, traffic.rng, []
        self.streams = glob.glob(os.path.join(os.path.dirname(daemon.socket), "*.stream"))

    def open_one(self):
        rng = self.rng
        kind = rng.choice(["unix", "udp", *(["tcp", "stream"] if self.streams else [])])
        family = socket.AF_UNIX if kind in ("unix", "stream") else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM if kind in ("unix", "udp") else socket.SOCK_STREAM)
        self.sockets.append(s)
        s.settimeout(2)
        if kind == "unix" and rng.random() < 0.8:  # the others cannot be answered
            s.bind(self.daemon.path(f"clients/{rng.getrandbits(60)}"))
        s.connect({"unix": self.daemon.socket, "stream": self.streams[0] if self.streams else ""}.get(
            kind, ("127.0.0.1", self.daemon.port)))

    def act(self):
        rng, s = self.rng, self.rng.choice(self.sockets)
        what = rng.random()
        try:
            if what < 0.1:
                s.setblocking(False)
                s.recv(65536)
            elif what < 0.13 and len(self.sockets) > 1:
                self.sockets.remove(s)
                s.close()
            elif what < 0.18 and s.type == socket.SOCK_STREAM:
                s.shutdown(rng.choice([socket.SHUT_WR, socket.SHUT_RDWR]))
            elif what < 0.25 and s.family == socket.AF_UNIX and s.type == socket.SOCK_DGRAM:
                self.send_files(s)
            elif s.type == socket.SOCK_STREAM:
                s.settimeout(0.05)
                s.sendall(self.traffic.stream())
            else:
                s.settimeout(0.5)
                s.send(self.traffic.packet()[:MAX_DATAGRAM])
        except OSError:
            pass  # refused, full, closed: the client's trouble

    def send_files(self, s):
        """Descriptors that should not, or not be so many."""
        rng, files = self.rng, []
        for _ in range(rng.randint(1, 3)):
            path = rng.choice(["/dev/zero", "/dev/null", self.daemon.sounds, "/etc/passwd", "/proc/self/maps",
                               os.path.join(self.daemon.sounds, "bell.wav")])
            files.append(os.open(path, os.O_RDONLY))
        try:
            packet = rng.choice([osc("/sound/load", "sent", "bell.wav"), self.traffic.packet()[:MAX_DATAGRAM]])
            socket.send_fds(s, [packet], files)
        finally:
            for file in files:
                os.close(file)

    def run(self):
        try:
            for _ in range(self.rng.randint(1, 6)):
                self.open_one()
            for _ in range(self.rng.randint(10, 200)):
                self.act()
                if self.rng.random() < 0.03:
                    self.open_one()
        except (ConnectionRefusedError, BlockingIOError, TimeoutError):
            pass  # too many connections
        finally:
            for s in self.sockets:
                s.close()
            for left in glob.glob(self.daemon.path("clients/[0-9]*")):
                os.remove(left)


def open_files(daemon):
    """What each descriptor of the daemon stands for."""
    folder, files = f"/proc/{daemon.process.pid}/fd", []
    for fd in os.listdir(folder):
        try:
            files.append(os.readlink(os.path.join(folder, fd)).split("[")[0])
        except FileNotFoundError:
            pass  # closed meanwhile
    return collections.Counter(files)


def wait_until_closed(daemon, files, but=()):
    deadline = time.monotonic() + HALF_CLOSED_S + PATIENCE_S
    while more := {name: n for name, n in (open_files(daemon) - files).items() if name not in but}:
        if time.monotonic() > deadline:
            raise AssertionError(f"left open: {more}")
        time.sleep(0.01)


def check(daemon, files):
    """It lives, answers, and has closed all files. What was loaded goes, or later sessions find no room."""
    client = daemon.client()
    try:
        client.send(osc("/ping", "#1"))
        client.wait_for(lambda m: m == ["/done", "/ping", "#1"])
        for path, *args in (("/clear", "all"), ("/stop", "all"), ("/unsubscribe",)):
            client.call(path, *args)
        client.do("/sync", 7)
        for row in client.items("/sound/list"):
            client.call("/sound/unload", row[0], "fade", 0.01)
    finally:
        daemon.clients.remove(client)
        client.close()
    wait_until_closed(daemon, files, but=["socket:"])


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}", flush=True)  # says it again if need be, as far as timing lets it
    deadline, n_sessions = time.monotonic() + seconds, 0
    with Daemon(config=CONFIG, udp=True) as daemon:
        daemon.sound("bell.wav", wav(sine(9600)))
        daemon.sound("wide.wav", wav(sine(400), channels=2))
        files = open_files(daemon)
        while time.monotonic() < deadline:
            Session(daemon, Traffic(seed + n_sessions)).run()
            check(daemon, files)
            n_sessions += 1
        wait_until_closed(daemon, files)
        status = daemon.client().status()
    print(f"{n_sessions} sessions, {status['packets'] if 'packets' in status else '?'} packets, {files.total()} descriptors: well")


main()
