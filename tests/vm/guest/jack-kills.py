# SPDX-License-Identifier: MIT
# jack-kills.py - jackd on a card is killed again and again and comes back: so does the sound, in position, by itself.
# modprobe: snd-dummy
# seconds: 1500
# qemu: -name kills
import os
import statistics
import time

import machine
import faults
import harness

KILLS = int(os.environ.get("CHIMED_VM_KILLS", "100"))
PERIOD = 256
LOOP_FRAMES = 5 * 48000


def backend_is(client, name):
    return lambda: client.status()["backend"] == name


machine.into_memory(harness.CHIMED, machine.DECODE, machine.GUARD, *faults.Jackd.programs())
jackd = faults.Jackd("Dummy", PERIOD)
with machine.fast_forward(), machine.check(f"jackd killed {KILLS} times"):
    jackd.start()
    with harness.Daemon(config=f"[output]\njack_server = {faults.SERVER}\n", backend="jack") as daemon:
        client = daemon.client()
        client.do("/sound/load", "loop", daemon.sound("loop.wav", harness.wav([1000] * LOOP_FRAMES)))
        client.do("/play", "loop", "id", 1, "loop", 1)
        client.do("/sync", 1)
        faults.until(backend_is(client, "jack"), "it plays on jackd")
        connections, clock, first_phase = jackd.connections(), faults.Clock(client), faults.phase(client, LOOP_FRAMES, 1)
        machine.expect("   chimed:out_1" in connections, f"connected: {connections}")
        times, off, figures = [], [], []
        for kill in range(KILLS):
            jackd.kill()
            faults.until(backend_is(client, "null"), "the timer goes on")
            returned = jackd.start()
            times.append(faults.until(backend_is(client, "jack"), "it plays on jackd again") - returned)
            off.append(faults.distance(faults.phase(client, LOOP_FRAMES, 1), first_phase, LOOP_FRAMES))
            if kill % (KILLS // 10) == 0:
                time.sleep(1)
                figures.append(faults.resources(daemon))
                print(f"{kill + 1} kills: descriptors, threads, KiB of its own: {figures[-1]}", flush=True)
                machine.expect(sorted(jackd.connections()) == sorted(connections), "connections are as they were")
        status, lag = client.status(), clock.lag()
        print(f"sound after the server's return: min {min(times):.3f} median {statistics.median(times):.3f} "
              f"worst {max(times):.3f} s of {KILLS}")
        print(f"the voice is at most {max(off) * 1e3:.1f} ms from its place, the frames {lag * 1e3:+.1f} ms from the clock")
        machine.expect(max(times) < 1, "sound within 1 s")
        machine.expect(status["backend_losses"] == KILLS and status["voices"] == 1, f"{KILLS} losses, one voice: {status}")
        machine.expect(max(off) < 0.05, "the voice is in position")
        # When a call is due is known to a few hundredths of a period, and a kill has two changes of the clock.
        machine.expect(abs(lag) < 0.005 + KILLS * PERIOD / 48000 / 16, "no frame is missing")
        half = len(figures) // 2
        early, late = ([min(column) for column in zip(*part)] for part in (figures[:half], figures[half:]))
        machine.expect(late[0] <= early[0] and late[1] <= early[1], "no descriptor or thread more")
        machine.expect(late[2] - early[2] < 512, "no memory lost")
    jackd.kill()
machine.end()
