# SPDX-License-Identifier: MIT
# unit_times.py - how long the unit takes under a real systemd: start, restart, stop, and back after a crash or a stall.
#
# Usage: tests/systemd/run build/release bench/unit_times.py       in a container, on a timer; see tests/systemd/README.md
import os
import pathlib
import signal
import statistics
import time

import harness
import service
from service import drop_in, main_pid, show, systemctl
from stall import audio_threads, stalled

RUNS = 7
SOUND = "/usr/share/sounds/bench.wav"
UNIT = '[Service]\nEnvironment="CHIMED_OPTIONS=--backend null"\nWatchdogSec=3\nLimitCORE=0\n'
STEPS = {"systemd has seen it": "ActiveExitTimestampMonotonic", "its hold-off is over": "InactiveEnterTimestampMonotonic",
         "the next one begins": "ExecMainStartTimestampMonotonic", "READY": "ActiveEnterTimestampMonotonic"}
figures = {}


def add(name, seconds):
    figures.setdefault(name, []).append(1000 * seconds)


def timed(name, *words):
    began = time.monotonic()
    systemctl(*words)
    add(name, time.monotonic() - began)


def stop():
    systemctl("stop", service.UNIT)
    systemctl("reset-failed", service.UNIT, check=False)
    service.forget()


def start_with_loop():
    """A fresh daemon whose state is on the disk."""
    stop()
    timed("start, to READY", "start", service.UNIT)
    client = harness.Client(service.SOCKET, service.FOLDER)
    loop = client.do("/play", SOUND, "gain", -20.0, "loop", True)[0]
    time.sleep(1.5)  # it is written once a second
    return client, loop


def life():
    start_with_loop()[0].close()
    timed("restart, with a fade of 0.2 s", "restart", service.UNIT)
    timed("stop, with the fade", "stop", service.UNIT)


def crash():
    client, loop = start_with_loop()
    began = time.monotonic()
    os.kill(main_pid(), signal.SIGKILL)
    client.send(harness.osc("/ping"))  # waits in the socket
    client.answer("/ping")
    add("kill -9, to the next answer", time.monotonic() - began)
    harness.until(lambda: loop in client.voices(), "the loop")
    add("kill -9, to the loop", time.monotonic() - began)
    for name, key in STEPS.items():
        add(f"kill -9, until {name}", int(show(key)) / 1e6 - began)
    client.close()


def stall():
    client, _ = start_with_loop()
    restarts = show("NRestarts")
    with stalled(audio_threads(main_pid())):
        began = time.monotonic()
        harness.until(lambda: client.status()["health"] == "stalled", "the verdict")
        add("stall, to the verdict", time.monotonic() - began)
        harness.until(lambda: show("NRestarts") != restarts, "the watchdog (3 s)")
        client.send(harness.osc("/ping"))
        client.answer("/ping")
        add("stall, to the next answer (WatchdogSec=3)", time.monotonic() - began)
    client.close()


os.makedirs(service.FOLDER, exist_ok=True)
pathlib.Path(SOUND).write_bytes(harness.wav(harness.sine(48000)))
drop_in(UNIT)
for _ in range(RUNS):
    life()
    crash()
    stall()
print(f"{'ms, of ' + str(RUNS):45} {'min':>8} {'median':>8} {'max':>8}")
for name, values in figures.items():
    print(f"{name:45} {min(values):8.0f} {statistics.median(values):8.0f} {max(values):8.0f}")
