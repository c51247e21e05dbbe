# SPDX-License-Identifier: MIT
# harness.py - what the end-to-end tests share: a daemon of their own, OSC, sound files, scores and renders.
"""Needs CHIMED and CHIME in the environment; CHIMED_RT_GUARD and CHIMED_SANITIZE are optional (CMakeLists.txt). Daemons find
the decoder beside them."""
import array
import math
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CHIMED, CHIME = os.environ["CHIMED"], os.environ["CHIME"]
SANITIZE = os.environ.get("CHIMED_SANITIZE", "")
GUARD = "" if SANITIZE else os.environ.get("CHIMED_RT_GUARD", "")
NOBODY = 65534
PATIENCE_S = 60 if SANITIZE else 30  # for what must come sooner or later
STOP_S = 20 if SANITIZE else 2  # sanitizers look for leaks at the end


# ---- OSC ----

def padded(data):
    return data + b"\0" * (4 - len(data) % 4)


def osc(path, *args):
    """A message. int is i, float f, str s, bytes b, bool T or F, None N; ("h", 3) forces a type."""
    tags, data = ",", b""
    for arg in args:
        tag, value = arg if isinstance(arg, tuple) else (
            "TF"[not arg] if isinstance(arg, bool) else
            {int: "i", float: "f", str: "s", bytes: "b", type(None): "N"}[type(arg)], arg)
        tags += tag
        if tag in "sS":
            data += padded(value.encode(errors="surrogateescape"))
        elif tag == "b":
            data += struct.pack(">i", len(value)) + value + b"\0" * (-len(value) % 4)
        elif tag in "ihfdtcm":
            form = {"i": ">i", "h": ">q", "f": ">f", "d": ">d", "t": ">Q", "c": ">I", "m": ">I"}[tag]
            data += struct.pack(form, value)
    return padded(path.encode()) + padded(tags.encode()) + data


def bundle(*packets, time_tag=1):
    return b"#bundle\0" + struct.pack(">Q", time_tag) + b"".join(struct.pack(">i", len(p)) + p for p in packets)


def messages(packet):
    """Every message of a packet: [path, value...]."""
    if packet.startswith(b"#bundle\0"):
        found, at = [], 16
        while at < len(packet):
            size, = struct.unpack_from(">i", packet, at)
            found += messages(packet[at + 4:at + 4 + size])
            at += 4 + size
        return found

    def text(at):
        end = packet.index(b"\0", at)
        return packet[at:end].decode(errors="surrogateescape"), (end // 4 + 1) * 4
    path, at = text(0)
    tags, at = text(at)
    values = [path]
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(at)
        else:
            form = {"i": ">i", "h": ">q", "f": ">f", "d": ">d", "t": ">Q"}[tag]
            (value,), at = struct.unpack_from(form, packet, at), at + struct.calcsize(form)
        values.append(value)
    return [values]


class Client:
    """An OSC client on a socket of its own; `to` is a UNIX path or a UDP port of 127.0.0.1."""

    def __init__(self, to, folder):
        is_unix = isinstance(to, str)
        self.socket = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if is_unix:
                path = tempfile.mktemp(dir=folder, prefix="client")
                self.socket.bind(path)
                os.chmod(path, 0o666)
            self.socket.connect(to if is_unix else ("127.0.0.1", to))
        except OSError:
            self.socket.close()
            raise
        self.seen = []  # messages that nobody has waited for yet

    def close(self):
        self.socket.close()

    def send(self, packet, *fds):
        if fds:
            socket.send_fds(self.socket, [packet], fds)
        else:
            self.socket.send(packet)

    def receive(self, timeout_s=PATIENCE_S):
        """The next message; None when there is none in time."""
        if not self.seen:
            self.socket.settimeout(max(timeout_s, 0.0001))
            try:
                self.seen = messages(self.socket.recv(65536))
            except TimeoutError:
                return None
        return self.seen.pop(0)

    def wait_for(self, is_wanted, timeout_s=PATIENCE_S):
        """The next message that is wanted; the others stay to be received."""
        others, deadline = [], time.monotonic() + timeout_s
        while (message := self.receive(deadline - time.monotonic())) is not None:
            if is_wanted(message):
                self.seen = others + self.seen
                return message
            others.append(message)
        self.seen = others
        raise AssertionError(f"not among the answers: {others}")

    def answer(self, path, timeout_s=PATIENCE_S):
        """The answer to the last request with this path: /done, /error (which shows 255 bytes of it) or /synced."""
        return self.wait_for(lambda m: m[0] in ("/done", "/error") and m[1] == path[:255] or
                             path == "/sync" and m[0] == "/synced", timeout_s)

    def call(self, path, *args, fds=()):
        self.send(osc(path, *args), *fds)
        return self.answer(path)

    def do(self, path, *args, fds=()):
        """What follows the path in the answer, which must be /done."""
        answer = self.call(path, *args, fds=fds)
        if answer[0] not in ("/done", "/synced"):
            raise AssertionError(f"{path} {args}: {answer}")
        return answer[2:]

    def settle(self):
        """What the worker does behind the last load is done: the process that decoded has ended, the next one waits."""
        self.call("/sound/load", "none", "no such file")

    def items(self, path):
        """The rows of a list."""
        n, = self.do(path)
        info = path.replace("/list", "/info")
        rows = [m[1:] for m in self.seen if m[0] == info]
        self.seen = [m for m in self.seen if m[0] != info]
        if len(rows) != n:
            raise AssertionError(f"{path}: {n} announced, {len(rows)} came")
        return rows

    def status(self):
        n, = self.do("/status")
        values = [v for m in self.seen if m[0] == "/status/info" for v in m[1:]]
        self.seen = [m for m in self.seen if m[0] not in ("/status/info", "/status/socket")]
        if len(values) != 2 * n:
            raise AssertionError(f"/status: {n} announced, {len(values) / 2} came")
        return dict(zip(values[::2], values[1::2]))

    def buses(self):
        keys = "parent gain pan mute solo out width peak_left peak_right rms_left rms_right".split()
        return {row[0]: dict(zip(keys, row[1:])) for row in self.items("/bus/list")}

    def voices(self):
        keys = "sound bus gain pan rate state".split()
        return {row[0]: dict(zip(keys, row[1:])) for row in self.items("/voice/list")}

    def sounds(self):
        keys = "channels frames rate format bytes n_voices state".split()
        return {row[0]: dict(zip(keys, row[1:])) for row in self.items("/sound/list")}


# ---- the daemon ----

def until(is_true, what, timeout_s=PATIENCE_S):
    """Waits for something; the last value that was seen."""
    deadline = time.monotonic() + timeout_s
    while not (value := is_true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(0.01)
    return value


def free_port():
    """For UDP and TCP; outside of what the kernel gives out by itself, so that tests that run at once do not meet."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        try:
            for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue


def no_rights():
    """Limits of an ordinary user."""
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))


class Daemon:
    """A chimed in a folder of its own. As a context it is started, and stopped with every check that there is."""

    def __init__(self, *options, config="", backend="null", udp=False, user=None, environment=None,
                 preload=""):
        self.folder = tempfile.mkdtemp(prefix="chimed-test-")
        os.chmod(self.folder, 0o755)
        for name in ("run", "sounds", "clients", "config", "data"):
            os.mkdir(self.path(name))
        self.socket, self.sounds = self.path("run/chimed/chimed.sock"), self.path("sounds")
        self.stream = self.path("run/chimed/chimed.stream")
        self.port = free_port() if udp else 0
        self.user, self.program, guard = user, CHIMED, GUARD
        if user is not None:  # who may not see into the folder of the build
            self.program = shutil.copy(CHIMED, self.folder)
            shutil.copy(os.path.join(os.path.dirname(CHIMED), "chimed-decode"), self.folder)
            guard = guard and shutil.copy(guard, self.folder)
            os.chown(self.path("run"), user, user)
        self.write("chimed.conf", f"[paths]\nsound_folder = {self.sounds}\n{config}\n")
        self.options = ["-c", self.path("chimed.conf"), "--udp-port", str(self.port), *options]
        if backend:
            self.options += ["--backend", backend]
        self.environment = {
            **os.environ, "XDG_RUNTIME_DIR": self.path("run"), "XDG_CONFIG_HOME": self.path("config"),
            "XDG_DATA_HOME": self.path("data"), "HOME": self.folder, "CHIME_URL": f"osc.unix://{self.socket}",
            "JACK_DEFAULT_SERVER": f"chimed-none-{os.getpid()}", "JACK_NO_START_SERVER": "1"}
        for name in ("CHIMED_DECODE", "JOURNAL_STREAM", "NOTIFY_SOCKET", "RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
            self.environment.pop(name, None)
        self.environment.update(environment or {})
        libraries = f"{guard or ''} {preload}".strip()
        self.preload = {**({"LD_PRELOAD": libraries} if libraries else {}),
                        **({"CHIMED_GUARD_REPORT": self.path("run/guard")} if guard else {})}
        self.process, self.clients = None, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def sound(self, name, data):
        """A file in the daemon's sound folder."""
        return self.write(os.path.join("sounds", name), data)

    def stderr(self):
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- start and stop ----

    def launch(self):
        """Starts it and does not wait."""
        who = {} if self.user is None else {
            "user": self.user, "group": self.user, "extra_groups": [], "preexec_fn": no_rights}
        with open(self.path("stderr"), "ab") as stderr:
            self.process = subprocess.Popen([self.program, *self.options], env={**self.environment, **self.preload},
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                            cwd=self.folder, **who)
        return self

    def start(self):
        return self.launch().wait_until_up()

    def wait_until_up(self):
        until(self.is_up, "the daemon's answer")
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"chimed left with {self.process.returncode}: {self.stderr()}")
        try:
            client = self.client()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        client.send(osc("/ping"))
        return client.receive(1) is not None

    def wait(self, timeout_s=PATIENCE_S):
        """The exit code and what was said, of a daemon that leaves by itself."""
        return self.process.wait(timeout_s), self.stderr()

    def stop(self, by=signal.SIGTERM):
        """Ends it, with fade, in no more than STOP_S; nobody may have found anything wrong."""
        began = time.monotonic()
        if by:
            self.process.send_signal(by)
        code = self.process.wait(PATIENCE_S)
        took, said = time.monotonic() - began, self.stderr()
        if code != 0 or took > STOP_S or "Sanitizer" in said or "runtime error" in said:
            raise AssertionError(f"chimed left with {code} after {took:.1f} s: {said}")
        if os.path.exists(self.socket) or os.path.exists(self.stream):
            raise AssertionError("a socket was left behind")
        if "CHIMED_GUARD_REPORT" in self.preload:
            self.check_guard()
        self.remove()

    def check_guard(self):
        with open(self.path("run/guard"), encoding="ascii") as file:
            report = {name: int(value) for name, value in (line.split() for line in file)}
        if report["threads"] < 1 or report["cycles"] < 1 or report["faults_minor"] or report["faults_major"]:
            raise AssertionError(f"rt_guard: {report}")

    def remove(self):
        for client in self.clients:
            client.close()
        self.clients = []
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, kind, *_):
        if kind is None:
            try:
                self.stop()
            finally:
                self.remove()
            return
        sys.stderr.write(self.stderr())
        self.remove()

    # ---- talking to it ----

    def client(self, udp=False):
        client = Client(self.port if udp else self.socket, self.path("clients"))
        self.clients.append(client)
        return client

    def chime(self, *words, **more):
        """Runs the client. stdout and stderr are text."""
        return subprocess.run([CHIME, *map(str, words)], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                              **{"cwd": self.folder, **more})


def run_chimed(*options, stdin=subprocess.DEVNULL, **more):
    """A chimed that leaves by itself: --check-config, render."""
    where = {"stdin": stdin} if "input" not in more else {}
    return subprocess.run([CHIMED, *map(str, options)], capture_output=True, timeout=PATIENCE_S, check=False,
                          **where, **more)


# ---- sound files ----

def sine(n_frames, hz=100.0, rate=48000, peak=16384):
    return [round(peak * math.sin(2 * math.pi * hz * i / rate)) for i in range(n_frames)]


def samples_bytes(samples, bits):
    """Little-endian samples: whole numbers of 8 (unsigned), 16, 24 or 32 bits, or -32: floats."""
    if bits == 24:
        return b"".join(s.to_bytes(3, "little", signed=True) for s in samples)
    data = array.array({8: "B", 16: "h", 32: "i", -32: "f"}[bits], samples)
    if sys.byteorder == "big":
        data.byteswap()
    return data.tobytes()


def wav(samples, channels=1, rate=48000, bits=16, claim=None):
    """A WAV file; `claim`: what its header says of the bytes of its data."""
    data, width = samples_bytes(samples, bits), abs(bits) // 8
    n = len(data) if claim is None else claim
    head = struct.pack("<HHIIHH", 1 if bits > 0 else 3, channels, rate, rate * channels * width, channels * width,
                       8 * width)
    return (b"RIFF" + struct.pack("<I", min(36 + n, 0xFFFFFFFF)) + b"WAVEfmt " + struct.pack("<I", 16) + head +
            b"data" + struct.pack("<I", n) + data)


class Wav:
    """A WAV file that is read: rate, bits (-32: floats) and `channels`, a list of samples each."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            raise AssertionError(f"{path} is no WAV file: {data[:16]}")
        at, chunks = 12, {}
        while at + 8 <= len(data):
            size, = struct.unpack_from("<I", data, at + 4)
            chunks[data[at:at + 4]] = data[at + 8:at + 8 + size]
            at += 8 + size + size % 2
        kind, n_channels, self.rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
        if kind == 0xFFFE:  # extensible: the kind begins the long name behind it
            kind, = struct.unpack_from("<H", chunks[b"fmt "], 24)
        self.bits = -bits if kind == 3 else bits
        raw = chunks[b"data"]
        if self.bits == 24:
            samples = [int.from_bytes(raw[i:i + 3], "little", signed=True) for i in range(0, len(raw), 3)]
        else:
            samples = array.array({16: "h", 32: "i", -32: "f"}[self.bits], raw)
            if sys.byteorder == "big":
                samples.byteswap()
        self.channels = [list(samples[c::n_channels]) for c in range(n_channels)]
        self.n_frames = len(self.channels[0])


# ---- rendering ----

def score(*entries, rate=48000):
    """A score: each entry is (frame, message...)."""
    packets = [bundle(*entry[1:], time_tag=(entry[0] // rate << 32) + ((entry[0] % rate << 32) + rate - 1) // rate)
               for entry in entries]
    return b"".join(struct.pack(">i", len(p)) + p for p in packets)
