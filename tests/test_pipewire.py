#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_pipewire.py - chimed on PipeWire, which speaks JACK and changes its quantum and its rate while all plays.
import glob
import math
import os
import shutil
import subprocess
import time
import unittest

import harness
import jack_server

CONFIG = """
context.properties = {
    core.daemon = true
    core.name = pipewire-0
    support.dbus = false
    mem.allow-mlock = false
    default.clock.allowed-rates = [ 44100 48000 96000 ]
    default.clock.min-quantum = 32
    settings.check-quantum = true
    settings.check-rate = true
}
context.spa-libs = {
    audio.convert.* = audioconvert/libspa-audioconvert
    support.* = support/libspa-support
}
context.modules = [
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-metadata }
    { name = libpipewire-module-spa-node-factory }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-access }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-link-factory }
]
context.objects = [
    { factory = metadata args = { metadata.name = default } }
    { factory = adapter args = {
        factory.name = support.null-audio-sink
        node.name = card
        media.class = Audio/Sink
        object.linger = true
        audio.position = [ FL FR ]
        priority.driver = 1000
        adapter.auto-port-config = { mode = dsp monitor = true position = preserve }
    } }
]
"""
LIBJACK = glob.glob("/usr/lib/*/pipewire-*/jack/libjack.so.0")


class PipeWire:
    """A server of one's own, with a timer for a card. For jack_server.Capture it is a JACK server."""
    name, rate = "default", 48000

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": folder, "PIPEWIRE_RUNTIME_DIR": folder,
                            "LD_LIBRARY_PATH": os.path.dirname(LIBJACK[0])}
        with open(os.path.join(folder, "server.conf"), "w", encoding="ascii") as file:
            file.write(CONFIG)

    def start(self):
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                ["pipewire", "-c", os.path.join(self.folder, "server.conf")], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=jack_server.leave_with_parent)
        harness.until(lambda: "card:playback_FL" in self.ports(), "PipeWire's card")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def run(self, *words):
        return subprocess.run(words, env=self.environment, check=False, timeout=20, capture_output=True, text=True).stdout

    def ports(self):
        return self.run("jack_lsp")

    def set(self, what, value):
        """For the whole graph."""
        self.run("pw-metadata", "-n", "settings", "0", f"clock.force-{what}", str(value))

    def capture(self, seconds):
        return jack_server.Capture(self, round(seconds * self.rate), 2, "chimed")


def pitch(samples, rate):
    found = [i + a / (a - b) for i, (a, b) in enumerate(zip(samples, samples[1:])) if a < 0 <= b]
    return (len(found) - 1) * rate / (found[-1] - found[0])


@unittest.skipUnless(LIBJACK and shutil.which("pipewire"), "PipeWire is not installed")
class OnPipeWire(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon(backend="jack", config="[output]\njack_server = \n")
        self.addCleanup(self.daemon.remove)
        self.server = PipeWire(self.daemon.path("run"))
        self.addCleanup(lambda: self.server.process and self.server.kill())
        self.server.start()
        self.daemon.environment["LD_LIBRARY_PATH"] = self.server.environment["LD_LIBRARY_PATH"]
        self.daemon.environment["PIPEWIRE_RUNTIME_DIR"] = self.server.folder
        self.daemon.environment.pop("JACK_DEFAULT_SERVER", None)
        known_leaks = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pipewire.supp")
        self.daemon.environment["LSAN_OPTIONS"] = f"suppressions={known_leaks}:print_suppressions=0"

    def forgive_page_faults(self):
        """With each change PipeWire maps new buffers, and the audio thread is the first to touch them."""
        self.daemon.check_guard = lambda: None

    def play_tone(self, client):
        """20 s of 1 kHz, on the left."""
        client.do("/sound/load", "tone", self.daemon.sound("tone.wav", harness.wav(harness.sine(960000, hz=1000))))
        client.do("/play", "tone", "id", 1, "loop", 1, "pan", -1)
        client.do("/sync", 1)

    def status(self, client, **wanted):
        return harness.until(lambda: (s := client.status()) and all(s[k] == v for k, v in wanted.items()) and s, f"{wanted}")

    def hear(self, seconds=0.3):
        for _ in range(10):
            capture = self.server.capture(seconds)
            left = capture.end()[0]
            if capture.n_skips + capture.n_xruns == 0:
                return left
        raise AssertionError("the machine is too busy")

    def test_it_plays_there(self):
        with self.daemon as daemon:
            client = daemon.client()
            self.play_tone(client)
            status = client.status()
            self.assertEqual((status["backend"], status["health"], status["rate"]), ("jack", "healthy", 48000))
            self.assertAlmostEqual(pitch(self.hear(), 48000), 1000, delta=1)

    def test_the_quantum_changes(self):
        """No gap, and a latency that follows."""
        self.forgive_page_faults()
        with self.daemon as daemon:
            client = daemon.client()
            self.play_tone(client)
            capture = self.server.capture(30)
            for quantum in 2048, 512, 1024:
                self.server.set("quantum", quantum)
                self.status(client, period=quantum)
                harness.until(lambda q=quantum: client.do("/time")[4] == q, "a latency of one quantum")
            left = capture.end(at_once=True)[0]
            most = 0.5 * 2 * math.pi * 1000 / 48000
            steps = [abs(a - b) for a, b in zip(left, left[1:])]
            n_gaps = sum(step > 1.1 * most for step in steps)
            print(f"{n_gaps} jumps in {len(left)} frames")
            self.assertLessEqual(n_gaps, 8)  # PipeWire tells nobody of the cycles that a busy machine comes too late for
            if not harness.SANITIZE:  # they are too slow to be called again in time on a busy machine
                self.assertEqual(client.status()["backend_losses"], 0)

    def test_the_rate_changes(self):
        self.forgive_page_faults()
        with self.daemon as daemon:
            client = daemon.client()
            self.play_tone(client)
            for n, rate in enumerate((44100, 96000, 48000), 1):
                self.server.set("rate", rate)
                self.server.rate = rate
                self.status(client, rate=rate, rate_changes=n)
                self.assertAlmostEqual(pitch(self.hear(), rate), 1000, delta=1)
                self.status(client, sounds_interpolated=0)
                self.assertAlmostEqual(pitch(self.hear(), rate), 1000, delta=1)
                self.assertEqual(client.sounds()["tone"]["rate"], rate)
            print(f"opened again {client.status()['backend_losses']} times")  # where PipeWire took too long over it

    def test_it_outlives_the_server(self):
        with self.daemon as daemon:
            client = daemon.client()
            self.play_tone(client)
            times = []
            for _ in range(3):
                self.status(client, backend="jack")
                self.server.kill()
                self.status(client, backend="null", health="recovering")
                time.sleep(0.3)
                self.server.start()
                began = time.monotonic()
                self.status(client, backend="jack", health="healthy")
                times.append(time.monotonic() - began)
                self.assertAlmostEqual(pitch(self.hear(), 48000), 1000, delta=1)
            print("return after the server's:", " ".join(f"{t:.3f}" for t in times), "s")
            self.assertEqual(list(client.voices()), [1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
