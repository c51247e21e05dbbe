# SPDX-License-Identifier: MIT
# traffic.py - random requests of every kind that a daemon can be asked, as fast as it answers or at a pace.
import collections
import random
import time

import harness

LOADED, FRAMES = 4, 48000  # sounds that stay, and their length
# What a request may rightly be refused for, seeing that all of it is drawn at random.
EXPECTED = {"unknown_voice", "unknown_sound", "unknown_bus", "taken", "refused", "cancelled", "out_of_range",
            "full"}


class Traffic:
    """Plays through one client; `counts` says how many requests of each method were answered."""

    def __init__(self, daemon, seed=1):
        self.random, self.client = random.Random(seed), daemon.client()
        self.counts, self.errors, self.n_events = collections.Counter(), collections.Counter(), 0
        self.files = []
        for i in range(LOADED):
            noise = [self.random.randrange(-3000, 3000) for _ in range(FRAMES)]
            data = [harness.wav(noise), harness.wav(noise, channels=2), harness.wav(noise, rate=44100),
                    harness.wav([s / 32768 for s in noise], bits=-32)][i % 4]
            self.files.append(daemon.sound(f"traffic{i}.wav", data))
            self.client.do("/sound/load", f"t{i}", self.files[i])

    def key_values(self, **ranges):
        """Some of these keys, each with a value from its range."""
        chosen = []
        for key in ranges:
            if self.random.random() < 0.4:
                low, high = ranges[key]
                whole = isinstance(low, int)
                chosen += [key, self.random.randint(low, high) if whole else self.random.uniform(low, high)]
        return chosen

    def timing(self):
        """For some requests a time, and what else goes with it."""
        kind, policy = self.random.random(), ["policy", self.random.choice(["play", "drop"])]
        if kind < 0.2:
            return ["at", self.random.uniform(0, 0.5), "tag", self.random.choice("xyz"), *policy]
        return ["immediate", self.random.randrange(2), *policy] if kind < 0.3 else []

    def change(self):
        """A ramp's curve."""
        return ["curve", self.random.choice(["linear", "db", "power", "s"])] if self.random.random() < 0.5 else []

    def voice(self):
        return self.random.randrange(200)

    def bus(self):
        return self.random.choice(["master", "a", "b", "c"])

    def play(self):
        sound = f"t{self.random.randrange(LOADED + 1)}"  # the last one comes and goes
        more = self.key_values(id=(0, 199), gain=(-40.0, -20.0), pan=(-1.0, 1.0), rate=(0.06, 4.0), start=(0.0, 0.3),
                               end=(0.4, 0.9), fade=(0.0, 0.3), fade_out=(0.0, 0.3), loop=(0, 1), loop_count=(0, 3),
                               paused=(0, 1), notify=(0, 1))
        return ["/play", sound, *more, "bus", self.bus(), *self.timing()]

    def request(self):
        r = self.random
        kinds = {
            40: self.play,
            20: lambda: ["/voice/set", self.voice(), *self.key_values(gain=(-40.0, -20.0), pan=(-1.0, 1.0),
                                                                    rate=(-4.0, -0.06), ramp=(0.0, 0.2)),
                         *self.change(), *self.timing()],
            15: lambda: ["/voice/set", self.voice(), "gain", r.choice(["+3", "-3"]), *self.change(), *self.timing()],
            10: lambda: ["/stop", self.voice(), *self.key_values(fade=(0.0, 0.2)), *self.timing()],
            9: lambda: ["/seek", self.voice(), r.uniform(0, 0.9), *self.timing()],
            8: lambda: ["/pause", self.voice(), *self.timing()],
            7: lambda: ["/resume", self.voice(), *self.timing()],
            6: lambda: ["/bus/set", self.bus(), *self.key_values(gain=(-20.0, 0.0), pan=(-1.0, 1.0), mute=(0, 1),
                                                                 solo=(0, 1), ramp=(0.0, 0.2)),
                        *self.change(), *self.timing()],
            1.4: lambda: ["/bus/set", self.bus(), "width", r.choice([1, 2])],
            5: lambda: ["/bus/new", self.bus()],
            4: lambda: ["/sound/load", f"t{LOADED}", r.choice(self.files)],
            3.5: lambda: ["/sound/unload", f"t{LOADED}", *self.key_values(fade=(0.0, 0.1))],
            3: lambda: ["/sync", r.randrange(1000)],
            2.5: lambda: ["/stop", "all", "bus", self.bus()],
            2: lambda: ["/status"],
            1.5: lambda: ["/ping"],
            0.5: lambda: ["/memory"],
            1: lambda: ["/voice/list"],
            0.9: lambda: ["/sound/list"],
            0.8: lambda: ["/bus/list"],
            1.2: lambda: ["/clear", r.choice(["all", "x", "y", self.voice()])],
            1.1: lambda: ["/time"],
            0.7: lambda: ["/dump"],
            0.6: lambda: ["/subscribe", r.choice(["//", "/voice/*", "/meter"]), 0.05, 1.0],
            0.4: lambda: ["/unsubscribe"],
            0.3: lambda: ["/hello"],
            0.2: lambda: ["/backend"],
            0.45: lambda: ["/histogram"],
            0.35: lambda: ["/log/lines"],
            0.36: lambda: ["/log/level"],
            0.37: lambda: ["/reload"],
        }
        return r.choices(list(kinds.values()), list(kinds))[0]()

    def run(self, seconds, per_second=1000):
        """Asks for this long; every request must be answered, and no error may be one that was not asked for."""
        began, n = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            if now < n / per_second:
                time.sleep(n / per_second - now)
            n += 1
            path, *args = self.request()
            answer = self.client.call(path, *args)
            self.counts[path] += 1
            if answer[0] == "/error":
                self.errors[answer[2]] += 1
                if answer[2] not in EXPECTED:
                    raise AssertionError(f"{path} {args}: {answer}")
            self.n_events += len(self.client.seen)
            self.client.seen = []
        self.client.do("/clear", "all")
        self.client.do("/stop", "all", "fade", 0.01)
        self.client.do("/sync", 0)
        return self
