#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_heal.py - the daemon outlives its sound server, comes back to it in position, and says how it is.
import contextlib
import ctypes
import os
import random
import signal
import socket
import statistics
import time
import unittest

import harness
import jack_server

RATE, N = 48000, 48000 * 4  # frames of the loop, each of which is there once
KILLS = int(os.environ.get("CHIMED_KILLS", "4" if harness.SANITIZE else "20"))


def marked(seed=1):
    """A loop in which any three frames say where they are from."""
    r = random.Random(seed)
    return [r.randrange(-16000, 16000) for _ in range(N)]


class Position:
    """Finds recorded frames in the loop."""

    def __init__(self, samples):
        self.samples = samples
        self.places = {tuple(samples[i:i + 3]): i for i in range(N - 3)}

    def first(self, recorded):
        """The first recorded frame that is the loop's at full level, and its place in the loop."""
        whole = [round(s * 32768) for s in recorded]
        for i in range(len(whole) - 64):
            place = self.places.get(tuple(whole[i:i + 3]))
            if place is not None and all(whole[i + k] == self.samples[(place + k) % N] for k in range(64)):
                return i, place
        raise AssertionError("the loop is not heard")

    def assert_goes_on(self, recorded):
        """From there on not one frame is lost."""
        start, place = self.first(recorded)
        for i in range(start, len(recorded)):
            if round(recorded[i] * 32768) != self.samples[(place + i - start) % N]:
                raise AssertionError(f"frame {i - start} behind the return is another one")
        return start, place

    def hear(self, server):
        """When the recording began, and where in the loop that was."""
        capture = server.capture(0.4)
        start, place = self.assert_goes_on(capture.end()[0])
        return capture.began, place - start


def resources(pid):
    """Open descriptors, threads, KiB of memory that is the process's own."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        private = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")), private


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


@contextlib.contextmanager
def frozen(thread):
    """A single thread that stands still, as none does by itself."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in PTRACE_SEIZE, PTRACE_INTERRUPT:
        if ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, thread, None, None)


def threads(pid, name):
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as file:
            if file.read().strip() == name:
                yield int(thread)


def frozen_audio_thread(pid):
    thread, = threads(pid, "chimed-audio")
    return frozen(thread)


def client_thread(pid):
    """The one that libjack calls from: it alone is not ours, and runs all the time."""
    def ticks(thread):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
    before = {int(t): ticks(t) for t in os.listdir(f"/proc/{pid}/task")}
    time.sleep(0.3)
    return max(before, key=lambda t: ticks(t) - before[t])


class Heal(unittest.TestCase):
    def daemon(self, server, chain="jack", config="", **more):
        return harness.Daemon(backend=chain, config=f"[output]\njack_server = {server.name}\n{config}", **more)

    def play_loop(self, daemon, samples):
        client = daemon.client()
        stereo = [s for s in samples for _ in range(2)]
        client.do("/sound/load", "loop", daemon.sound("loop.wav", harness.wav(stereo, channels=2)))
        client.do("/play", "loop", "id", 1, "loop", 1)
        client.do("/sync", 1)
        return client

    def backend(self, client, name):
        return harness.until(lambda: client.status()["backend"] == name and client.status(), name)

    # ---- the server dies ----

    def test_it_returns_in_position(self):
        """The loop is where it would be without the server's death: what is recorded shows it."""
        samples = marked()
        position = Position(samples)

        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = self.play_loop(daemon, samples)
            self.backend(client, "jack")
            first_at, first = position.hear(server)
            for gap in 0.05, 0.5, 1.5:
                server.kill()
                self.backend(client, "null")
                self.assertEqual(client.status()["health"], "recovering")
                time.sleep(gap)
                server.start()
                status = self.backend(client, "jack")
                self.assertNotEqual(status["health"], "recovering")
                self.assertEqual(server.connections()["chimed:out_1"], ["system:playback_1"])
                at, place = position.hear(server)
                wanted = first + (at - first_at) * RATE
                off = (place - wanted + N / 2) % N - N / 2
                xruns = client.status()["xruns"]
                print(f"after {gap} s without a server the loop is {off / RATE * 1e3:+.1f} ms from where it would be, "
                      f"{xruns} xruns")
                self.assertLess(abs(off), (0.1 + 0.05 * xruns) * RATE)  # each takes time that nothing plays in
            self.assertEqual(client.status()["backend_losses"], 3)
            self.assertEqual(list(client.voices()), [1])

    def test_the_frames_of_the_gap_are_caught_up(self):
        """Engine frames follow the clock over deaths of the server, and voices follow the frames."""
        samples = marked(2)
        position = Position(samples)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = self.play_loop(daemon, samples)
            self.backend(client, "jack")
            time.sleep(0.3)
            first = client.do("/time")
            for _ in range(3):
                server.kill()
                self.backend(client, "null")
                time.sleep(0.2)
                server.start()
                self.backend(client, "jack")
            time.sleep(0.5)
            last = client.do("/time")
            frames = last[0] - first[0]
            seconds = (last[1] - first[1]) / 2**32
            # A period at most is lost or won at each change of the clock, and a millisecond until it is noticed.
            self.assertAlmostEqual(frames / RATE, seconds, delta=0.1)
            capture = server.capture(0.3)
            capture.end()
            position.assert_goes_on(capture.channels[0])

    def test_many_deaths(self):
        """No crash, nothing left behind, sound soon after the server's return."""
        samples, times, figures = marked(3), [], []
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = self.play_loop(daemon, samples)
            for kill in range(KILLS):
                server.kill()
                self.backend(client, "null")
                server.start()  # returns when its ports are there
                began = time.monotonic()
                self.backend(client, "jack")
                times.append(time.monotonic() - began)
                if kill in (KILLS // 4, KILLS - 1):
                    time.sleep(0.3)
                    figures.append(resources(daemon.process.pid))
            self.assertEqual(list(client.voices()), [1])
            self.assertEqual(client.status()["backend_losses"], KILLS)
        print(f"return after the server's: min {min(times):.3f} median {statistics.median(times):.3f} "
              f"worst {max(times):.3f} s over {KILLS}; descriptors, threads, KiB: {figures}")
        self.assertLess(max(times), 1)
        self.assertLessEqual(figures[1][0], figures[0][0])
        self.assertLessEqual(figures[1][1], figures[0][1])
        if not harness.SANITIZE:
            self.assertLess(figures[1][2] - figures[0][2], 64 * KILLS)

    def test_connections_come_back(self):
        with jack_server.Server(playback=4) as server, self.daemon(server) as daemon:
            client = daemon.client()
            self.backend(client, "jack")
            for words in ("jack_disconnect", "chimed:out_1", "system:playback_1"), \
                    ("jack_connect", "chimed:out_1", "system:playback_3"), \
                    ("jack_connect", "chimed:out_1", "system:playback_4"):
                server.run(*words)
            time.sleep(1.2)  # they have to settle
            for _ in range(2):
                server.kill()
                self.backend(client, "null")
                server.start()
                self.backend(client, "jack")
                harness.until(lambda: sorted(server.connections()["chimed:out_1"]) ==
                              ["system:playback_3", "system:playback_4"], "the connections")
                self.assertEqual(server.connections()["chimed:out_2"], ["system:playback_2"])

    # ---- the server stands still ----

    def test_a_server_that_stands_still(self):
        samples = marked(4)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = self.play_loop(daemon, samples)
            self.backend(client, "jack")
            server.process.send_signal(signal.SIGSTOP)
            before = self.backend(client, "null")
            self.assertEqual(before["health"], "recovering")
            time.sleep(2)
            after = client.status()
            server.process.send_signal(signal.SIGCONT)
            self.assertAlmostEqual(after["frames"] - before["frames"], (after["uptime"] - before["uptime"]) * RATE,
                                   delta=4800)
            began = time.monotonic()
            self.backend(client, "jack")
            print(f"return after SIGCONT: {time.monotonic() - began:.3f} s")
            capture = server.capture(0.3)
            capture.end()
            Position(samples).assert_goes_on(capture.channels[0])

    def test_the_daemon_stands_still(self):
        """SIGSTOP of the daemon itself: it goes on where it was, and is not long upset."""
        with harness.Daemon() as daemon:
            client = daemon.client()
            client.do("/play", daemon.sound("n.wav", harness.wav([1000] * RATE)), "id", 1, "loop", 1)
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(2)
            daemon.process.send_signal(signal.SIGCONT)
            self.assertEqual(list(client.voices()), [1])
            harness.until(lambda: client.status()["health"] in ("healthy", "degraded"), "health")
            self.assertEqual(client.status()["backend_losses"], 0)

    # ---- the audio thread stands still ----

    def test_the_watchdog_is_fed_while_audio_runs(self):
        daemon = harness.Daemon()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, contextlib.ExitStack() as stack:
            manager.bind(daemon.path("run/notify"))
            manager.settimeout(harness.PATIENCE_S)
            daemon.environment.update(NOTIFY_SOCKET=daemon.path("run/notify"), WATCHDOG_USEC="600000")
            client = stack.enter_context(daemon).client()

            def told(wanted, seconds):
                """What the manager is told in so much time, until it is what is wanted."""
                seen, end = [], time.monotonic() + seconds
                while (left := end - time.monotonic()) > 0 and not (seen and wanted in seen[-1]):
                    manager.settimeout(left)
                    with contextlib.suppress(TimeoutError):
                        seen.append(manager.recv(4096).decode())
                return seen
            self.assertIn("READY=1", told("READY=1", 5)[-1])
            for _ in range(5):
                self.assertIn("WATCHDOG=1", told("WATCHDOG=1", 1)[-1])
            with frozen_audio_thread(daemon.process.pid):
                self.assertIn("STATUS=stalled", told("STATUS=stalled", 5)[-1])
                self.assertEqual(client.status()["health"], "stalled")
                self.assertEqual(daemon.chime("status").returncode, 12)
                self.assertFalse([text for text in told("nothing", 2) if "WATCHDOG=1" in text])
            self.assertIn("WATCHDOG=1", told("WATCHDOG=1", 5)[-1])
            self.assertIn(client.status()["health"], ("healthy", "degraded"))

    def test_a_frozen_thread_of_the_server_is_replaced(self):
        samples = marked(7)
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = self.play_loop(daemon, samples)
            self.backend(client, "jack")
            thread = client_thread(daemon.process.pid)
            with frozen(thread):
                self.backend(client, "null")
            self.backend(client, "jack")
            self.assertEqual(list(client.voices()), [1])

    # ---- by hand ----

    def test_it_switches_while_it_plays(self):
        samples = marked(5)
        with jack_server.Server() as server, self.daemon(server, "jack, null") as daemon:
            client = self.play_loop(daemon, samples)
            self.backend(client, "jack")
            for _ in range(5):
                self.assertEqual(client.do("/backend", "null"), ["null"])
                self.assertEqual(client.status()["backend"], "null")
                self.assertEqual(client.do("/backend", "jack"), ["jack"])
                self.assertEqual(client.status()["backend"], "jack")
            self.assertEqual(client.do("/backend", "null"), ["null"])
            client.do("/backend", "auto")
            self.backend(client, "jack")
            self.assertEqual(list(client.voices()), [1])
            capture = server.capture(0.3)
            capture.end()
            Position(samples).assert_goes_on(capture.channels[0])
            result = daemon.chime("backend")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, r"(?m)^jack +plays")
            self.assertRegex(result.stdout, r"(?m)^null +ready")
            self.assertEqual(daemon.chime("backend", "null").returncode, 0)
            self.assertEqual(client.status()["backend"], "null")

    def test_what_cannot_be_switched_to(self):
        with harness.Daemon() as daemon:
            client = daemon.client()
            for word, code in ("pulse", "bad_arguments"), ("jack", "refused"), ("alsa:hw:29", "refused"):
                answer = client.call("/backend", word)
                self.assertEqual(answer[:3], ["/error", "/backend", code], answer)
            self.assertEqual(client.do("/backend"), ["null"])
            self.assertEqual(client.status()["backend"], "null")
            result = daemon.chime("backend", "jack")
            self.assertEqual(result.returncode, 1)
            self.assertIn("no JACK server", result.stderr)

    def test_who_may_switch(self):
        """All may look; only admins switch. In a bundle nothing is switched when another message is refused."""
        with harness.Daemon(udp=True, config="[access]\nudp_role = play\n") as daemon:
            stranger, admin = daemon.client(udp=True), daemon.client()
            self.assertEqual(stranger.call("/backend", "null")[:3], ["/error", "/backend", "forbidden"])
            self.assertEqual(stranger.do("/backend"), ["null"])
            for second, code in (harness.osc("/backend", "null"), "refused"), \
                    (harness.osc("/backend", "drums"), "bad_arguments"), (harness.osc("/nothing"), "unknown_method"):
                admin.send(harness.bundle(harness.osc("/backend", "null"), second))
                answers = [admin.wait_for(lambda m: m[0] in ("/done", "/error")) for _ in range(2)]
                self.assertEqual([a[2] for a in answers], ["not_done", code])
            self.assertEqual(admin.do("/backend", "null"), ["null"])

    # ---- what it says ----

    def test_silence_that_should_be_none(self):
        with harness.Daemon() as daemon:
            client = daemon.client()
            client.do("/play", daemon.sound("zeros.wav", harness.wav([0] * RATE)), "id", 1, "loop", 1)
            status = harness.until(lambda: client.status()["health"] == "silent" and client.status(), "silent")
            self.assertIn("silence", status["health_why"])
            self.assertEqual(daemon.chime("status").returncode, 13)
            for change in ["/bus/set", "master", "mute", 1], ["/bus/set", "master", "mute", 0, "gain", -200.0], \
                    ["/bus/set", "master", "gain", 0.0]:
                client.do(*change)
                is_up = change[-1] == 0.0
                harness.until(lambda u=is_up: (client.status()["health"] == "silent") == u, f"{change}")
            client.do("/pause", 1)
            harness.until(lambda: client.status()["health"] != "silent", "a voice that is held is silent by right")
            client.do("/play", daemon.sound("loud.wav", harness.wav([1000] * RATE)), "loop", 1)
            client.do("/resume", 1)
            time.sleep(4)
            self.assertIn(client.status()["health"], ("healthy", "degraded"))

    def test_a_load_that_is_too_high_is_lowered(self):
        """Blocks that take longer than their period are ours; the quietest voices go until they do not."""
        config = "[output]\nperiod = 256\nrate = 192000\n[engine]\nvoices = 65536\nqueue = 131072\nshed = {}\n" \
                 "[memory]\nvoices_budget = 512\nqueues_budget = 512\ncontrol_budget = 512\n"
        for shed in "yes", "no":
            with harness.Daemon(config=config.format(shed)) as daemon:
                client = daemon.client()
                samples = [random.Random(6).randrange(-9, 9) for _ in range(2 * RATE)]
                client.do("/sound/load", "n", daemon.sound("n.wav", harness.wav(samples, channels=2, rate=192000)))
                client.do("/play", "n", "id", 7, "loop", 1, "gain", 12.0)  # the loudest stays longest
                n = 1
                while n < 60000 and client.status()["xrun_storms"] == 0:
                    client.send(harness.bundle(*[harness.osc("/play", "n", "loop", 1, "rate", 1.01, "quality", "sinc",
                                                             "gain", -40.0) for _ in range(200)]))
                    client.do("/sync", n)
                    client.seen, n = [], n + 200
                status = harness.until(lambda: (s := client.status())["xrun_storms"] > 0 and s, "a storm", 30)
                self.assertGreater(status["xruns_ours"], 0)
                if shed == "no":
                    time.sleep(2)
                    self.assertEqual(client.status()["voices_shed"], 0)
                    continue
                listener = daemon.client()
                listener.do("/subscribe", "/voice/ended")
                status = harness.until(lambda: (s := client.status())["voices_shed"] > n // 5 and s, "shedding", 30)
                harness.until(lambda: client.status()["health"] == "degraded", "health")
                harness.until(lambda: client.status()["health_why"].find("too late") < 0, "calm", 60)
                status = client.status()
                print(f"{n} voices were too many; {status['voices_shed']} were stopped, {status['voices']} play; xruns: "
                      f"ours {status['xruns_ours']}, late {status['xruns_late']}, device {status['xruns_device']}")
                self.assertIn("the quietest voices are stopped", daemon.stderr())
                # By effect: what is left has room, each that went was told, and the next one is played.
                harness.until(lambda: client.status()["load"] < 0.95, "a lower load", 60)
                status = harness.until(lambda: (s := client.status())["voices"] + s["voices_shed"] == n and s, "their ends")
                listener.do("/sync", 1)
                shed = [m[1] for m in listener.seen if m[0] == "/voice/ended" and m[2] == "shed"]
                self.assertTrue(0 < len(shed) <= status["voices_shed"])  # who does not read misses some
                self.assertEqual(len(shed), len(set(shed)))
                self.assertNotIn(7, shed)
                client.do("/play", "n", "id", "next")
                harness.until(lambda: client.voices()["next"]["state"] == "playing", "the next one")
                client.do("/stop", 7)  # still there

    def test_health_is_told(self):
        with jack_server.Server() as server, self.daemon(server) as daemon:
            client = daemon.client()
            client.do("/subscribe", "/health", 0.01)
            self.backend(client, "jack")
            good = daemon.chime("status").returncode
            self.assertIn(good, (0, 10))  # no real-time rights here, perhaps
            server.kill()
            event = client.wait_for(lambda m: m[0] == "/health" and m[1] == "recovering")
            self.assertIn("jack does not play", event[2])
            self.assertEqual(daemon.chime("status").returncode, 11)
            server.start()
            client.wait_for(lambda m: m[0] == "/health" and m[1] in ("healthy", "degraded"))
            self.assertEqual(daemon.chime("status").returncode, good)


if __name__ == "__main__":
    unittest.main(verbosity=2)
