# SPDX-License-Identifier: MIT
# systemd-service.py - chimed.service is started by its sockets, crashes, stalls, reloads and fades on a real card, and sounds each time.
# init: systemd
# seconds: 600
# qemu: -audiodev wav,id=w,path=$VM/card.wav,out.frequency=48000,out.format=s16 -device ich9-intel-hda -device hda-output,audiodev=w,mixer=off
"""What tests/systemd does in a container on a timer, one after the other on one card: here every second has its price."""
import array
import os
import signal
import subprocess
import time

import machine
import harness
import service
from harness import osc
from machine import check, expect
from service import PORT, SOCKET, chime, main_pid, show, systemctl, timed
from stall import audio_threads, stalled

CARD = f"{os.environ['VM']}/card.wav"
HEADER_BYTES = 44
N = 200  # as many as fit into the buffer of a sender that nobody reads from
SOUND, SOUND_S = "/usr/share/sounds/tone.wav", 4  # 100 Hz
LOOP = ("gain", -20.0, "loop", True)
until = harness.until


def played(since=HEADER_BYTES):
    """What has left the card: samples of 16 bits, left and right."""
    with open(CARD, "rb") as file:
        file.seek(since)
        data = file.read()
    return array.array("h", data[:len(data) // 4 * 4])


def plays_on(client, backend):
    until(lambda: client.status()["backend"] == backend, f"it plays on {backend}")


def sounds(client):
    """The card does, now."""
    plays_on(client, "alsa")
    begin = os.path.getsize(CARD)
    until(lambda: any(played(begin)), "the card sounds")


def client_of(to=SOCKET):
    return harness.Client(to, service.FOLDER)


def started_by(client):
    """Datagrams before there is a daemon: none is lost."""
    expect(show("ActiveState") == "inactive", "it does not run yet")
    for i in range(N):
        client.send(osc("/sync", i))
    sent = time.monotonic()
    answers = [client.answer("/sync")[1] for _ in range(N)]
    expect(int(show("ActiveEnterTimestampMonotonic")) > sent * 1e6, "they were all sent before it was ready")
    expect(answers == list(range(N)), f"{len(answers)} answers, in order")
    expect(client.status()["packets_lost"] == 0, "no packet is lost")


def stop():
    systemctl("stop", "chimed.service")


def crash(client, loop):
    """kill -9: back on the card, the loop where it would be, and what played once not."""
    client.do("/play", SOUND, "gain", -20.0)
    with machine.fast_forward():
        time.sleep(1.5)  # the journal is written once a second
    place, before = service.place(client, loop), main_pid()
    os.kill(before, signal.SIGKILL)
    client.send(osc("/ping"))  # into the socket, which stays
    timed("crash, to an answer", client.answer, "/ping")
    until(lambda: loop in client.voices(), "the loop")
    off = (service.place(client, loop) - place + SOUND_S / 2) % SOUND_S - SOUND_S / 2
    print(f"the loop is {1000 * off:+.0f} ms from where it would be")
    expect(abs(off) < 0.1, "the loop is where it would be")
    expect(len(client.voices()) == 1 and main_pid() not in (0, before) and show("NRestarts") == "1", "one restart, one voice")
    sounds(client)


def crash_again(client):
    """Less than ten seconds after a resume: it may be what was resumed that it crashes of."""
    os.kill(main_pid(), signal.SIGKILL)
    client.send(osc("/ping"))
    timed("crash after a crash, to an answer", client.answer, "/ping")
    expect(client.voices() == {}, "nothing is resumed")


def stall_card(client):
    """The thread of the card hangs, as in a driver: the timer goes on, and the card returns with the thread."""
    pid = main_pid()
    with stalled([client.status()["rt_thread"]]):
        timed("stall of the card, to the timer", plays_on, client, "null")
        expect(client.status()["health"] == "recovering", "it says that it waits for the card")
        frames = client.status()["frames"]
        until(lambda: client.status()["frames"] > frames + 24000, "frames go on")
    timed("its end, to the card", sounds, client)
    expect((main_pid(), client.status()["voices"]) == (pid, 1), "the same daemon, the same voice")


def stall_all(client, n_restarts):
    """No thread plays: the verdict says so, and the watchdog (WatchdogSec=3) ends it."""
    before, began = main_pid(), time.monotonic()
    with stalled(audio_threads(before)):
        until(lambda: client.status()["health"] == "stalled", "the verdict")
        print(f"time: stall, to the verdict: {time.monotonic() - began:.1f} s")
        with machine.fast_forward():
            until(lambda: not os.path.exists(f"/proc/{before}"), "its end")
        client.send(osc("/ping"))
        client.answer("/ping")
    print(f"time: stall, to an answer of the next one: {time.monotonic() - began:.1f} s")
    expect(show("NRestarts") == str(n_restarts) and service.said("Failed with result 'watchdog'"), "the watchdog restarted it")


def reload(client, loop):
    with open("/etc/chimed/chimed.conf", "w", encoding="utf-8") as file:
        file.write("[bus speech]\n")
    pid = main_pid()
    timed("reload", systemctl, "reload", "chimed.service")
    expect("speech" in client.buses(), "the new bus is there")
    expect(main_pid() == pid and loop in client.voices(), "the same daemon plays on")


def fade(client):
    """A stop lets a steady tone fall to nothing in steps that nobody hears."""
    sounds(client)
    timed("stop, a loop plays", stop)
    expect((show("Result"), show("ExecMainStatus")) == ("success", "0"), "it leaves well")
    left = played()[::2]
    while left and left[-1] == 0:
        left.pop()
    peaks = [max(map(abs, left[i:i + 480])) for i in range(len(left) - 24000, len(left) - 479, 480)]  # of each wave
    full = max(peaks)
    begin = max(i for i, peak in enumerate(peaks) if peak > 0.97 * full)
    falling = peaks[begin:]
    expect(len(falling) > 15, f"a fade of 0.2 s: {peaks}")
    expect(all(b <= a + 2 for a, b in zip(falling, falling[1:])) and falling[-1] < 0.1 * full, f"to its end, without a step: {falling}")


subprocess.run(["modprobe", "snd-hda-intel"], check=True)
systemctl("stop", "chimed.socket", "chimed.service")
systemctl("reset-failed", "chimed.service")
service.forget()
os.makedirs(service.FOLDER, exist_ok=True)
with open(SOUND, "wb") as file:
    file.write(harness.wav(harness.sine(480) * (100 * SOUND_S)))
service.drop_in("[Service]\nWatchdogSec=3\nLimitCORE=0\n")
systemctl("start", "chimed.socket")

with check("UNIX datagrams that came before the daemon"):
    started_by(client_of())
stop()
with check("UDP datagrams that came before the daemon"):
    started_by(client_of(PORT))
client = client_of()
loop, = client.do("/play", SOUND, *LOOP)[:1]
with check("it plays on the card"):
    sounds(client)
with check("kill -9, and the resume"):
    crash(client, loop)
with check("kill -9 after a resume"):
    crash_again(client)
loop, = client.do("/play", SOUND, *LOOP)[:1]
with check("a reload"):
    reload(client, loop)
with check("the card's thread stalls"):
    stall_card(client)
with check("all audio threads stall"):
    stall_all(client, 3)
with check("a restart"):
    before = main_pid()
    timed("restart", systemctl, "restart", "chimed.service")
    expect(main_pid() not in (0, before) and chime("ping").returncode == 0, "another daemon answers")
    expect(show("NRestarts") == "0", "it was meant")
    until(lambda: list(client.voices()) == [loop], "the loop")
with check("a stop fades out"):
    fade(client)
machine.end()
