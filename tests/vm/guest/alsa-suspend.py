# SPDX-License-Identifier: MIT
# alsa-suspend.py - the machine is suspended to memory while daemons play on cards of every kind, and wakes: they play on.
# modprobe: snd-dummy enable=1,1 id=Dummy,Server
# modprobe: snd-hda-codec-generic
# modprobe: snd-hda-intel
# modprobe: xhci-pci
# modprobe: snd-usb-audio
# seconds: 300
# init: memory
# qemu: -device ich9-intel-hda -device hda-output,audiodev=w,mixer=off -audiodev wav,id=w,path=$VM/hda.wav,out.frequency=48000,out.format=s16 -device qemu-xhci -audiodev none,id=n -device usb-audio,audiodev=n
# host: noise.py hear $VM/hda.wav
import contextlib
import os
import time

import machine
import faults
import harness
import noise
import suspend

LOOP_FRAMES, PERIOD, BUFFER = 5 * 48000, 256, 1024
WATCHDOG_S = 3
SOUND_S = 0.3  # within which all play again
DUE_S, AHEAD_S = 1.5, suspend.LONGEST_S + 3  # of commands: while the machine sleeps, and after it has woken


class Player:
    """A daemon with a loop on one card, and what the service manager sees of it."""

    def __init__(self, stack, name, backend, *options, config=""):
        self.name, self.backend = name, backend
        self.manager = stack.enter_context(suspend.Manager(name, WATCHDOG_S))
        self.daemon = stack.enter_context(harness.Daemon(*options, "--period", str(PERIOD), config=config, backend=backend,
                                                         environment=self.manager.environment))
        self.client = self.daemon.client()
        sounds = {"loop": harness.wav(harness.sine(LOOP_FRAMES)), "click": harness.wav([16384] * 100)}
        for sound, data in sounds.items():
            self.client.do("/sound/load", sound, self.daemon.sound(f"{sound}.wav", data))
        self.client.do("/play", "loop", "id", 1, "loop", 1)
        self.client.do("/sync", 1)

    def is_well(self):
        status = self.client.status()
        return status["backend"] == self.backend and status["health"] == "healthy"

    def sounds(self):
        """A whole buffer and more since the machine is awake."""
        self.loudest = max(self.loudest, self.client.buses()["master"]["peak_left"])
        return self.is_well() and self.client.status()["frames"] > self.woke["frames"] + 2 * BUFFER and self.loudest > -12

    # ---- around a sleep ----

    def go_to_bed(self):
        self.asked = suspend.boot_time()
        for voice, *more in (2,), (3, "policy", "drop"):
            self.client.do("/play", "click", "id", voice, "at", DUE_S, "notify", 1, *more)
        self.client.do("/play", "click", "id", 4, "at", float(AHEAD_S), "notify", 1)
        self.client.do("/sync", 1)
        self.phase, self.clock = faults.phase(self.client, LOOP_FRAMES, 1), faults.Clock(self.client)
        self.before, self.cpu_s = self.client.status(), suspend.cpu_seconds(self.daemon.process.pid)

    def get_up(self):
        self.woke, self.loudest = self.client.status(), -200

    def take_back(self):
        """What was not to be done awake."""
        self.client.do("/clear", "all")
        self.client.seen = []

    def told(self, path, voice):
        return self.client.wait_for(lambda m: m[0] == path and voice in m[1:3])

    def check_commands(self, sleep):
        """What was due is late by as much as it was; the policy is followed; what was to come comes in its time."""
        expected_s = sleep.boot_time - self.asked - DUE_S
        for voice in 2, 3:
            late_s = self.told("/late", voice)[-1] / 48000
            machine.expect(abs(late_s - expected_s) < 0.05, f"late by {expected_s:.3f} s: {late_s:.3f}")
        self.told("/started", 2)
        machine.expect(self.told("/ended", 3)[2] == "dropped", "dropped")
        self.told("/started", 4)
        came_s = suspend.boot_time() - self.asked
        machine.expect(abs(came_s - AHEAD_S) < 0.05, f"after {AHEAD_S} s: {came_s:.3f}")

    def check_figures(self, sleep):
        after, lag = self.client.status(), self.clock.lag()
        new = {name: after[name] - self.before[name] for name in (
            "xruns_ours", "xruns_late", "xruns_device", "late", "late_dropped", "clock_steps", "backend_losses")}
        print(f"{self.name}: frames {lag - sleep.still_s:+.3f} s from the clock,", ", ".join(f"{k} {v}" for k, v in new.items()))
        machine.expect(1 <= new["xruns_device"] <= 2, "the gap is counted as the device's, once; some drivers lose their place")
        for name in "xruns_ours", "xruns_late", "clock_steps", "backend_losses":
            machine.expect(new[name] == 0, f"none of {name}: {new[name]}")
        machine.expect((new["late"], new["late_dropped"]) == (2, 1), "two were late")
        machine.expect(abs(lag - sleep.still_s) < 0.05, "the frames stood still as long as the daemon did")
        off = faults.distance(faults.phase(self.client, LOOP_FRAMES, 1), self.phase, LOOP_FRAMES)
        machine.expect(off < 0.02, f"the loop is in its place: {off:.4f} s")

    def check_process(self, sleep):
        cpu_s, awake_s = suspend.cpu_seconds(self.daemon.process.pid) - self.cpu_s, time.monotonic() - sleep.began
        machine.expect(cpu_s < 0.2 * awake_s, f"no spinning: {cpu_s:.2f} s of {awake_s:.2f}")
        faults.until(lambda: self.manager.fed[-1] > sleep.ended, "the watchdog is fed again", WATCHDOG_S)
        longest_s = max(self.manager.gaps())
        machine.expect(longest_s < WATCHDOG_S, f"the watchdog is fed within {WATCHDOG_S} s: {longest_s:.2f}")
        machine.expect("the machine has slept for" in self.daemon.stderr(), "it is told")


def night(players):
    """Again when the alarm rang before they slept."""
    for _ in range(5):
        for player in players:
            player.go_to_bed()
        sleep = suspend.sleep()
        for player in players:
            player.get_up()
        if sleep:
            return sleep
        for player in players:
            player.take_back()
    raise AssertionError("the machine never falls asleep")


def sleeps(players, which):
    with machine.check(f"the machine sleeps, {which}"):
        sleep = night(players)
        print(f"{sleep.asleep_s:.1f} s asleep, and {sleep.still_s:.2f} s around it in which nothing ran")
    for player in players:
        with machine.check(f"{which}: {player.name} plays on"):
            sounded = faults.until(player.sounds, f"it sounds: {player.client.status()}") - sleep.ended
            print(f"{player.name}: sounds {sounded:.3f} s after the machine runs again")
            machine.expect(sounded < SOUND_S, f"within {SOUND_S} s")
    for player in players:
        for of in player.check_commands, player.check_figures, player.check_process:
            with machine.check(f"{which}: {player.name}: {of.__name__[6:]}"):
                of(sleep)


def hear(player):
    """The card really plays: the host looks for this noise in what came out of it."""
    player.client.do("/stop", 1, "fade", 0.0)
    sound = noise.Noise(2, bits=16).write(os.path.join(player.daemon.sounds, "noise.wav"))
    player.client.do("/play", sound, "id", 5, "notify", 1)
    player.told("/ended", 5)
    time.sleep(0.2)


with machine.fast_forward(), contextlib.ExitStack() as stack:
    faults.until(lambda: os.path.exists("/proc/asound/Intel/pcm0p"), "the card")
    usb, usb_card = faults.usb_card()
    jackd = faults.Jackd("Server", PERIOD)
    jackd.start()
    stack.callback(jackd.kill)
    players = [Player(stack, f"hw:{card}", "alsa", "--device", f"hw:{card},0", "--periods", str(BUFFER // PERIOD))
               for card in ("Dummy", "Intel", usb_card)]
    players += [Player(stack, "jackd on a card", "jack", config=f"[output]\njack_server = {faults.SERVER}\n"),
                Player(stack, "the timer", "null")]
    for player in players:
        faults.until(player.is_well, "it plays")
    time.sleep(1)
    for which in "once", "again":
        sleeps(players, which)
    with machine.check("a noise plays on the HDA card"):
        hear(players[1])
machine.end()
