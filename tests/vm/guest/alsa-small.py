# SPDX-License-Identifier: MIT
# alsa-small.py - the smallest periods with 1000 voices, and where a machine of 500 million instructions a second gives up.
# modprobe: snd-dummy
# seconds: 600
import random
import time

import machine
import harness

PERIODS, VOICES = (16, 32, 64, 128), (1000, 1250, 1500, 1750, 2000, 2500)
MUST_HOLD = (16, 32, 64)  # with the first of VOICES
SECONDS = 0.5  # that each measurement takes
SOUNDS = 20


class Load:
    """A daemon on snd-dummy with two periods of buffer, which plays as many voices as it is told to."""

    def __init__(self, period):
        self.daemon = harness.Daemon("--device", "hw:Dummy,0", "--period", str(period), "--periods", "2",
                                     config=f"[engine]\nvoices = {VOICES[-1]}\nshed = no\n[output]\nformat = s16\n", backend="alsa")
        self.random, self.n_voices = random.Random(1), 0

    def __enter__(self):
        self.daemon.__enter__()
        self.client = self.daemon.client()
        self.device = self.client.status()["device"]
        for i in range(SOUNDS):  # each of another length: their ends do not come all at once
            noise = self.random.randbytes(2 * (4000 + 97 * i))
            samples = memoryview(noise).cast("h").tolist()
            self.client.do("/sound/load", f"n{i}", self.daemon.sound(f"n{i}.wav", harness.wav(samples)))
        return self

    def __exit__(self, *what):
        return self.daemon.__exit__(*what)

    def play(self, n_voices):
        """One after the other, as a client does that waits for its answers."""
        while self.n_voices < n_voices:
            self.client.do("/play", f"n{self.random.randrange(SOUNDS)}", "loop", 1, "gain", -50.0)
            self.n_voices += 1
        self.client.do("/sync", 1)
        time.sleep(0.1)  # all ramps have arrived

    def measure(self):
        """How many xruns come while the voices play, and the load on the average and at its worst."""
        before = self.client.status()
        time.sleep(SECONDS)
        after = self.client.status()
        if after["voices"] != self.n_voices:
            raise AssertionError(f"{after['voices']} of {self.n_voices} voices play")
        return after["xruns"] - before["xruns"], after["load"], after["load_worst"]


machine.into_memory(harness.CHIMED, machine.DECODE)
harness.GUARD = ""  # it costs instructions, which are what is counted here
smallest = {}
with machine.fast_forward():
    for period in PERIODS:
        with machine.check(f"{period} frames x 2 with up to {VOICES[-1]} voices"), Load(period) as load:
            for n in VOICES:
                load.play(n)
                n_xruns, average, worst = load.measure()
                print(f"{period:4} frames x 2, {n} voices: {n_xruns} xruns, load {average:.3f}, worst {worst:.3f}")
                if n_xruns > 0:
                    break
                smallest.setdefault(n, period)
            if period in MUST_HOLD and n == VOICES[0]:
                raise AssertionError(f"{VOICES[0]} voices are too many")
print("500 million instructions a second hold, without an xrun:")
for n in VOICES:
    print(f"{n:5} voices: " + (f"periods of {smallest[n]} frames" if n in smallest else "none of these periods"))
machine.end()
