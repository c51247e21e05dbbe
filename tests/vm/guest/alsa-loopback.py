# SPDX-License-Identifier: MIT
# alsa-loopback.py - what chimed plays at unity gain leaves a kernel device bit by bit as it is in the file.
# modprobe: snd-dummy
# modprobe: snd-aloop enable=1,1 index=1,2 id=Loopback,Slave pcm_substreams=1,1 timer_source=,Dummy.0.0
# seconds: 400
import contextlib
import os
import signal
import subprocess

import machine
import harness
import noise

PERIODS, FORMATS, ACCESSES = (64, 128, 256, 512, 1024), ("s16", "s24", "s32", "float"), ("mmap", "rw")


@contextlib.contextmanager
def program(*words, ends_with=signal.SIGTERM):
    """Beside the test, in front of everything."""
    with open("program.log", "ab") as log, subprocess.Popen(
            ["chrt", "-f", "80", *map(str, words)], stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.send_signal(ends_with)
            process.wait(10)


def timer(period):
    """A stream on snd-dummy, whose timer snd-aloop is slaved to: its own, the kernel's tick, is far too slow."""
    return program("aplay", "-q", "-D", "hw:Dummy,0", "-t", "raw", "-f", "S16_LE", "-r", 48000, "-c", 2,
                   f"--period-size={period}", f"--buffer-size={16 * period}", "/dev/zero")


def recorder(card, sample_format, period):
    return program("arecord", "-q", "-D", f"hw:{card},1", "-t", "raw", "-f", f"{sample_format.upper()}_LE", "-r", 48000,
                   "-c", 2, f"--period-size={period}", f"--buffer-size={16 * period}", "recorded")


def play(card, sample_format, access, period, periods, sound):
    """What is recorded while the sound plays."""
    if os.path.exists("recorded"):
        os.remove("recorded")
    config = f"[output]\nformat = {sample_format}\naccess = {access}\n"
    with harness.Daemon("--device", f"hw:{card},0", "--period", str(period), "--periods", str(periods), config=config,
                        backend="alsa") as daemon:
        client = daemon.client()
        device = client.status()["device"]
        wanted = f"hw:{card},0 {sample_format.upper()} {access} {period} x {periods}"
        if device != wanted:
            raise AssertionError(f"the device is {device}, not {wanted}")
        with recorder(card, sample_format, period):
            harness.until(lambda: os.path.exists("recorded") and os.path.getsize("recorded"), "the recorder runs")
            client.do("/play", sound.write(os.path.join(daemon.sounds, "noise.wav")), "id", 1, "notify", 1)
            client.wait_for(lambda m: m[0] == "/ended")
            harness.time.sleep(0.2 + 16 * period / 48000)  # all buffers, and silence behind
        if client.status()["xruns"] != 0:
            raise AssertionError(", ".join(f"{k} {v}" for k, v in client.status().items() if k.startswith("xruns")))
    with open("recorded", "rb") as file:
        return file.read()


def play_exactly(text, sample_format, *how, n_tries=3):
    """Tries again where the machine itself has stood still, for a page that the host had to read, say; and tells so."""
    for n in range(1, n_tries + 1):
        try:
            recorded = play(how[0], sample_format, *how[1:], noises[bits_of[sample_format]])
            noise.find(wanted[sample_format], recorded, sample_format)
            return recorded
        except AssertionError as error:
            if n == n_tries:
                raise
            print(f"{text}: try {n}: {error}")
    return None


machine.into_memory(harness.CHIMED, machine.DECODE, harness.GUARD, "/usr/bin/arecord", "/usr/bin/aplay", "/usr/bin/chrt")
noises = {bits: noise.Noise(0.5, bits) for bits in (16, 24)}
bits_of = {"s16": 16, "s24": 24, "s32": 24, "float": 24}
wanted = {f: noises[bits_of[f]].recorded(f) for f in FORMATS}

with machine.fast_forward():
    for period in PERIODS:
        with timer(period):
            for access in ACCESSES:
                for f in FORMATS:
                    text = f"every frame is there: {period} frames x 3, {f}, {access}"
                    with machine.check(text):
                        play_exactly(text, f, "Slave", access, period, 3)
    # On the kernel's tick of 4 ms a buffer must hold several of them, of 192 frames each.
    text, recorded = "every frame is there: 256 frames x 4, s32, mmap, on the kernel's tick", b""
    with machine.check(text):
        recorded = play_exactly(text, "s32", "Loopback", "mmap", 256, 4)
    with machine.check("the comparison sees one wrong bit"):
        machine.expect(recorded, "there is nothing to compare")
        middle = len(recorded) // 2
        spoilt = recorded[:middle] + bytes([recorded[middle] ^ 1]) + recorded[middle + 1:]
        machine.fails(noise.find, wanted["s32"], spoilt, "s32")
machine.end()
