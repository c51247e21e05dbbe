#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_faults_jack.py - every function of libjack that chimed calls fails, or hangs, and the server's shutdown, its xruns
# and another rate are told in the middle of each: the daemon goes on, and is back by itself when the fault is over.
import contextlib
import errno
import queue
import subprocess
import unittest

import fail_device
import harness
import jack_server
from fail_device import CALLS, FOR_GOOD, KEEPS, RATE, SHUTDOWN, XRUN

SERVER_FAILED, VERSION, NAME_TAKEN, FAILURE = 0x10, 0x400, 0x4, 0x1  # jack_status_t
CODES = [1, -1, -errno.EIO]
# The values that each may give; None: it does not do it, and has nothing to give.
OPENING = {
    "jack_set_error_function": [None], "jack_set_info_function": [None],
    "jack_client_open": [(0, SERVER_FAILED | FAILURE), (0, 0), (0, VERSION | FAILURE), (0, NAME_TAKEN | FAILURE)],
    "jack_get_sample_rate": [0, 1, 44100, 2**32 - 1], "jack_get_buffer_size": [0, 1, 2**32 - 1],
    "jack_get_client_name": [0], "jack_port_register": [0],
    **{f"jack_set_{what}_callback": CODES for what in (
        "process", "thread_init", "buffer_size", "sample_rate", "latency", "xrun", "port_connect",
        "port_registration")},
    "jack_on_info_shutdown": [None], "jack_on_shutdown": [None], "jack_activate": CODES, "jack_is_realtime": [0, -1],
    "jack_get_ports": [0], "jack_connect": [*CODES, errno.EEXIST], "jack_port_name": [0], "jack_port_by_name": [0],
    "jack_port_get_connections": [0], "jack_port_connected_to": [0, -1], "jack_port_get_latency_range": [None],
    "jack_free": [None],
}
CLOSING = {"jack_deactivate": CODES, "jack_client_close": CODES}
PLAYING = {"jack_port_get_buffer": [0]}
HANGING = ["jack_client_open", "jack_activate", "jack_deactivate", "jack_client_close", "jack_port_register",
           "jack_connect", "jack_port_get_connections"]


def faults(function, values):
    for value in values:
        if isinstance(value, tuple):
            yield {"function": function, "value": value[0], "out": value[1]}
        else:
            # What is to be given back is given back, whatever it says.
            yield {"function": function, "value": value or 0, "flags": CALLS if function in CLOSING else 0}


class JackFaults(unittest.TestCase):
    def setUp(self):
        """A server for each daemon: what one does to its own is no fault of another's."""
        self.servers, stack = queue.SimpleQueue(), contextlib.ExitStack()
        self.addCleanup(stack.close)
        for _ in range(fail_device.N_AT_ONCE):
            self.servers.put(stack.enter_context(jack_server.Server(period=256, synchronous=False)))

    def daemon(self):
        """libjack names a client's socket by the client alone, whatever its server: names differ."""
        server = self.servers.get()
        self.servers.put(server)  # behind the others
        return fail_device.FailingDaemon(
            backend="jack, null",
            config=f"[output]\njack_server = {server.name}\njack_name = {server.name}-client\n")

    def back(self, watcher, about):
        """It plays on the server again, when it is asked to; a hanging call may have to come to its end before."""
        watcher.faults.disarm()
        watcher.faults.disarm(1)
        harness.until(lambda: watcher.client.call("/backend", "jack")[0] == "/done", f"{about}: it opens again")
        watcher.plays_on("jack", about)

    def test_nothing_is_forgotten(self):
        fail_device.check_table([*OPENING, *CLOSING, *PLAYING])

    def open_with(self, watcher, fault, count):
        client = watcher.client
        client.do("/backend", "null")
        watcher.faults.arm(**fault, count=count)
        answer = client.call("/backend", "jack")
        if answer[0] == "/error":
            self.assertEqual(answer[2], "refused")
            self.assertGreater(len(answer[3]), 10, answer)
        watcher.measure("open", 0.05)
        watcher.advances("open")
        client.call("/backend", "null")  # which closes it
        watcher.measure("close", 0.05)
        self.back(watcher, "open")

    def test_opening_and_closing(self):
        cases = [(fault, count) for function, values in {**OPENING, **CLOSING}.items()
                 for fault in faults(function, values) for count in (1, FOR_GOOD)]
        fail_device.run_cases(self.daemon, "jack", cases, self.open_with)

    # ---- playing ----

    def play_with(self, watcher, fault, count, health=None):
        client, armed = watcher.client, watcher.faults
        client.do("/backend", "jack")  # which lets it be tried again at once
        armed.arm(**fault, first=5, count=count)
        harness.until(lambda: armed.hits() > 0, "the fault")
        if health:
            harness.until(lambda: client.status()["health"] == health, health)
        watcher.measure("play", 0.3)
        watcher.advances("play")
        if count == FOR_GOOD:
            armed.disarm()
        self.back(watcher, "play")

    def test_playing(self):
        get = "jack_port_get_buffer"
        cases = [({"function": get, "value": 0}, 1), ({"function": get, "value": 0}, FOR_GOOD, "recovering"),
                 ({"function": get, "flags": KEEPS | XRUN}, 1), ({"function": get, "flags": KEEPS | XRUN}, 50, "degraded"),
                 ({"function": get, "flags": KEEPS | RATE, "out": 48000}, 1),
                 ({"function": get, "flags": KEEPS | RATE, "out": 44100}, 1),
                 ({"function": get, "flags": KEEPS | SHUTDOWN}, 1), ({"function": get, "flags": KEEPS | SHUTDOWN}, 3)]
        fail_device.run_cases(self.daemon, "jack", cases, self.play_with)

    # ---- at any moment ----

    def interrupt(self, watcher, fault):
        client = watcher.client
        client.do("/backend", "null")
        watcher.faults.arm(**fault, count=1)
        client.call("/backend", "jack")
        watcher.measure("interrupt", 0.05)
        client.call("/backend", "null")
        watcher.advances("interrupt")
        self.back(watcher, "interrupt")

    def test_told_at_any_moment(self):
        cases = [({"function": function, "flags": KEEPS | what, "out": 44100},)
                 for function in [*OPENING, *CLOSING] for what in (SHUTDOWN, XRUN, RATE)
                 if function != "jack_client_open"]
        fail_device.run_cases(self.daemon, "jack", cases, self.interrupt)

    def test_hanging(self):
        """For longer than it is waited for; the audio thread is not concerned."""
        cases = [({"function": function, "flags": KEEPS, "sleep_ms": 3500},) for function in HANGING]
        fail_device.run_cases(self.daemon, "jack", cases, self.interrupt)

    # ---- start and stop ----

    def test_it_leaves_in_time(self):
        """SIGTERM while a call hangs for good, or fails; Daemon.stop() gives it 2 s."""
        for fault in ({"function": "jack_deactivate", "sleep_ms": 3600000},
                      {"function": "jack_client_close", "sleep_ms": 3600000},
                      {"function": "jack_deactivate", "value": -1}, {"function": "jack_client_close", "value": -1},
                      {"function": "jack_port_get_buffer", "value": 0}):
            with self.subTest(**fault), self.daemon() as daemon:
                harness.until(lambda d=daemon: d.client().status()["backend"] == "jack", "jack")
                daemon.faults.arm(**fault)

    def test_it_leaves_while_its_connections_are_looked_at(self):
        """The audio thread runs on when the helper that hangs is left behind, and needs all that it renders with."""
        server = self.servers.get()
        with fail_device.FailingDaemon(backend="jack", config=f"[output]\njack_server = {server.name}\n") as daemon:
            client = daemon.client()
            client.do("/play", daemon.sound("a.wav", harness.wav([1000] * 48000)), "loop", 1)
            daemon.faults.arm("jack_port_get_connections", sleep_ms=3600000)
            # A reason to look. It is not waited for: where libjack's own thread looks, the server waits for it.
            with subprocess.Popen(["jack_disconnect", "-s", server.name, "chimed:out_1", "system:playback_1"],
                                  env=jack_server.ENVIRONMENT, stdout=subprocess.DEVNULL) as disconnect:
                harness.until(lambda: daemon.faults.hits(), "a call that hangs")
                disconnect.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
