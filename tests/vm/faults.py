# SPDX-License-Identifier: MIT
# faults.py - what guest scripts do to a daemon that has to live through it, and how they see that it did.
import glob
import os
import subprocess
import time

import machine
import jack_server

SERVER = "vm"
DUMMY = "/sys/bus/platform/drivers/snd_dummy"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def usb_card():
    """The USB device, and its ALSA card's name."""
    for product in glob.glob("/sys/bus/usb/devices/*/product"):
        with open(product, encoding="ascii") as file:
            if "QEMU USB Audio" in file.read():
                device = os.path.dirname(product)
    card, = glob.glob(f"{device}:1.0/sound/card*")
    with open(f"{card}/id", encoding="ascii") as file:
        return device, file.read().strip()


def until(is_true, what, timeout_s=20):
    """When it came true. Looks every 5 ms."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(0.005)
    return time.monotonic()


class Jackd:
    """On a card of snd-dummy, whose stream shows when the server is back."""

    def __init__(self, card, period):
        self.card, self.period, self.process = card, period, None
        os.makedirs("drivers", exist_ok=True)  # jackd opens every driver that there is each time
        os.symlink(machine.JACK_DRIVER, "drivers/jack_alsa.so")
        self.environment = {**jack_server.ENVIRONMENT, "JACK_DRIVER_DIR": os.path.abspath("drivers")}

    def start(self):
        with open("jackd.log", "wb") as log:
            self.process = subprocess.Popen(
                ["jackd", "-n", SERVER, "-R", "-P", "80", "--port-max", "64", "-d", "alsa", "-P", f"hw:{self.card},0",
                 "-r", "48000", "-p", str(self.period), "-n", "3"], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return until(self.plays, "jackd plays")

    def plays(self):
        if self.process.poll() is not None:
            with open("jackd.log", encoding="utf-8", errors="replace") as log:
                raise AssertionError(f"jackd left: {log.read()}")
        with open(f"/proc/asound/{self.card}/pcm0p/sub0/status", encoding="ascii") as status:
            return "RUNNING" in status.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    @staticmethod
    def programs():
        return ["/usr/bin/jackd", "/usr/bin/jack_lsp", machine.JACK_DRIVER]

    @staticmethod
    def connections():
        """What `jack_lsp -c` says."""
        run = subprocess.run(["jack_lsp", "-s", SERVER, "-c"], env=jack_server.ENVIRONMENT, capture_output=True,
                             text=True, check=False, timeout=20)
        return run.stdout.splitlines()


class Clock:
    """The engine's frames against the monotonic clock, since it was made."""

    def __init__(self, client):
        self.client = client
        self.frames, self.seconds = self.read()

    def read(self):
        before = time.monotonic()
        status = self.client.status()
        return status["frames"], (before + time.monotonic()) / 2

    def lag(self):
        """Seconds by which the frames are behind."""
        frames, seconds = self.read()
        return seconds - self.seconds - (frames - self.frames) / 48000


def phase(client, loop_frames, voice):
    """Where in its loop a voice is when the engine begins with frame 0. What lies between the two answers is less than a
    period or two."""
    frame = client.do("/time")[0]
    client.do("/dump")
    play, = (m for m in client.seen if m[0] == "/play" and m[m.index("id") + 1] == voice)
    client.seen = [m for m in client.seen if m[0] in ("/late", "/started", "/ended")]
    return (round(play[play.index("start") + 1] * 48000) - frame) % loop_frames


def distance(one, other, loop_frames):
    """Between two phases, in seconds."""
    return abs((one - other + loop_frames // 2) % loop_frames - loop_frames // 2) / 48000


def resources(daemon):
    """Open descriptors, threads, KiB of memory that is the process's own."""
    pid = daemon.process.pid
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        private = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")), private
