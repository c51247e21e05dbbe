# SPDX-License-Identifier: MIT
# jack_server.py - a JACK server of one's own with a timer for a sound card, and a recorder of what is played on it.
"""Needs CHIMED_JACK_CAPTURE (the recorder, tests/jack_capture.c) in the environment for captures."""
import array
import contextlib
import ctypes
import glob
import itertools
import os
import select
import signal
import subprocess
import tempfile
import time

NAMES = itertools.count()
PATIENCE_S = 20
LIBC, PR_SET_PDEATHSIG = ctypes.CDLL(None), 1
ENVIRONMENT = {**os.environ, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}


def leave_with_parent():
    """Also when the test is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Server:
    """jackd's dummy driver, at 48 kHz unless `rate` is set before a start. Synchronous: a client that is late makes the cycle late, and loses nothing."""

    def __init__(self, period=64, synchronous=True, playback=2):
        self.name, self.process, self.captures = f"chimed-{os.getpid()}-{next(NAMES)}", None, []
        self.options, self.environment = ["-S"] if synchronous else [], ENVIRONMENT
        self.driver, self.rate = ["-d", "dummy", "-p", str(period), "-P", str(playback)], 48000

    def start(self):
        for priority in "-R", "--no-realtime":  # some versions leave where real-time priority is not permitted
            with tempfile.TemporaryFile() as log:
                self.process = subprocess.Popen(
                    ["jackd", "-n", self.name, priority, *self.options, *self.driver, "-r", str(self.rate)],
                    env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=leave_with_parent)
                deadline = time.monotonic() + PATIENCE_S
                while self.process.poll() is None and time.monotonic() < deadline:
                    if "system:playback_1" in self.connections():
                        return self
                    time.sleep(0.02)
                log.seek(0)
                said = log.read().decode(errors="replace")
            self.end()
        raise AssertionError(f"jackd does not start: {said}")

    def end(self):
        """In peace, so that it takes its shared memory with it."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def clear(self):
        """What a killed server leaves behind goes away when one of the same name comes and goes; JACK has room for 8."""
        if self.process and self.process.returncode == -signal.SIGKILL:
            self.start().end()
            for left in glob.glob(f"/dev/shm/jack_sem.*_{self.name}_*"):  # of its clients
                os.remove(left)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        for capture in self.captures:
            capture.remove()
        self.end()
        self.clear()

    def is_realtime(self):
        tasks = os.listdir(f"/proc/{self.process.pid}/task")
        return any(os.sched_getscheduler(int(task)) == os.SCHED_FIFO for task in tasks)

    def run(self, program, *words):
        """jack_connect and the like."""
        subprocess.run([program, "-s", self.name, *words], env=ENVIRONMENT, check=True, timeout=PATIENCE_S,
                       stdout=subprocess.DEVNULL)

    def connections(self):
        """Every port, with the ports that it is connected to; none when there is no server."""
        run = subprocess.run(["jack_lsp", "-s", self.name, "-c"], env=ENVIRONMENT, capture_output=True, text=True,
                             check=False, timeout=PATIENCE_S)
        ports = {}
        for line in run.stdout.splitlines():
            if line.startswith(" "):
                ports[port].append(line.strip())
            else:
                ports[port := line] = []
        return ports

    def capture(self, seconds, n_channels=2, client="chimed"):
        """Begins to record a client."""
        self.captures.append(Capture(self, round(seconds * self.rate), n_channels, client))
        return self.captures[-1]


class Capture:
    """A recording. After end(): its `channels`, when it `began` (time.monotonic()), how often JACK itself left frames out."""

    def __init__(self, server, n_frames, n_channels, client):
        self.folder = tempfile.TemporaryDirectory(prefix="chimed-capture-")
        self.file, self.n_channels, self.channels = os.path.join(self.folder.name, "floats"), n_channels, None
        self.n_skips, self.n_xruns, self.began = 0, 0, None
        self.process = subprocess.Popen(
            [os.environ["CHIMED_JACK_CAPTURE"], server.name, client, str(n_channels), str(n_frames), self.file],
            env=server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.expect("ready")

    def line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        if not readable:
            raise AssertionError("the capture says nothing")
        return self.process.stdout.readline().decode().strip()

    def expect(self, wanted):
        if (line := self.line()) != wanted:
            raise AssertionError(f"the capture says {line!r}, not {wanted!r}")

    def command(self, text):
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def set_buffer_size(self, n_frames):
        self.command(f"bufsize {n_frames}")
        self.expect(f"bufsize {n_frames}")

    def end(self, at_once=False):
        """Waits until it is full, or ends it at once; the channels."""
        if at_once:
            with contextlib.suppress(BrokenPipeError):
                self.command("stop")
        words = self.line().split()
        if words[:1] != ["captured"] or self.process.wait(PATIENCE_S) != 0:
            raise AssertionError(f"the capture ends with {words}, {self.process.returncode}")
        n, self.n_skips, self.n_xruns, self.began = int(words[1]), int(words[3]), int(words[5]), int(words[7]) / 1e9
        with open(self.file, "rb") as file:
            floats = array.array("f", file.read())
        self.channels = [floats[c * n:(c + 1) * n] for c in range(self.n_channels)]
        self.remove()
        return self.channels

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()
