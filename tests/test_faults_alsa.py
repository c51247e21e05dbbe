#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_faults_alsa.py - every function of libasound that chimed calls fails, in every way, at the opening and while it
# plays: the daemon goes on, says why, and is back by itself when the fault is over.
import errno
import os
import tempfile
import unittest

import fail_device
import harness
from fail_device import CALLS, ERRORS, FOR_GOOD

# A device that writes what it gets to where nobody looks.
CONFIG = """
pcm.tofile {
    type file
    slave.pcm "null"
    file "/dev/null"
    format "raw"
}
"""
HUGE = 2**40
GONE, SUSPENDED, XRUN = 8, 7, 4  # SND_PCM_STATE_...

# What they may do beside the errors: a value to give, or, as (value, out), something to write for the caller.
OPENING = {
    "snd_pcm_open": [], "snd_pcm_hw_params_malloc": [], "snd_pcm_hw_params_any": [],
    "snd_pcm_hw_params_set_access": [], "snd_pcm_hw_params_get_channels_max": [(0, 0), (0, 2**32 - 1)],
    "snd_pcm_hw_params_set_channels_min": [(0, 0)], "snd_pcm_hw_params_set_channels_first": [(0, 0), (0, 10000)],
    "snd_pcm_hw_params_set_rate_near": [(0, 0), (0, 1), (0, 2**32 - 1)], "snd_pcm_hw_params_set_format": [],
    "snd_pcm_hw_params_set_period_size_near": [(0, 0), (0, HUGE)],
    "snd_pcm_hw_params_set_buffer_size_near": [(0, 0), (0, HUGE)], "snd_pcm_hw_params": [],
    "snd_pcm_hw_params_get_period_size": [(0, 0), (0, HUGE), (0, 2**31)],
    "snd_pcm_hw_params_get_buffer_size": [(0, 0), (0, 1), (0, HUGE)],
    "snd_pcm_sw_params_malloc": [], "snd_pcm_sw_params_current": [], "snd_pcm_sw_params_get_boundary": [(0, 0)],
    "snd_pcm_sw_params_set_start_threshold": [], "snd_pcm_sw_params_set_stop_threshold": [],
    "snd_pcm_sw_params_set_avail_min": [], "snd_pcm_sw_params": [],
    "snd_pcm_poll_descriptors_count": [0, 1000, 2**31 - 1], "snd_pcm_poll_descriptors": [0, 1000],
}
RUNNING = {
    "snd_pcm_poll_descriptors_revents": [(0, 0), (0, 0x8), (0, 0x10), (0, 0x20), (0, 0xffff)],
    "snd_pcm_state": [0, 1, 2, 3, XRUN, 5, 6, SUSPENDED, GONE, 99, -1],
    "snd_pcm_avail_update": [0, 1, HUGE, 2**31, 2**63 - 1],
    "snd_pcm_mmap_begin": [(0, 0), (0, 1), (0, HUGE)], "snd_pcm_mmap_commit": [0, 1, HUGE],
}
STARTING = {"snd_pcm_prepare": [], "snd_pcm_start": [], "snd_pcm_drop": [], "snd_pcm_resume": []}
WRITING = {"snd_pcm_writei": [0, 1, HUGE]}
# What has no error to give is called all the time, and fails here in its own way.
OTHERS = ["snd_pcm_close", "snd_strerror", "snd_lib_error_set_handler", "snd_config_update_free_global",
          "snd_pcm_hw_params_copy", "snd_pcm_hw_params_free", "snd_pcm_sw_params_free"]


def faults(function, more):
    """What arm() takes: each error, and each absurd value."""
    for value in ERRORS + more:
        if isinstance(value, tuple):
            yield {"function": function, "value": value[0], "out": value[1], "flags": CALLS}
        else:
            # What gives a device up does so, whatever it says; and of what is said to be done, much is.
            yield {"function": function, "value": value, "flags": CALLS if value >= 0 else 0}


class AlsaFaults(unittest.TestCase):
    guard = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="chimed-faults-")
        self.addCleanup(folder.cleanup)
        self.config = os.path.join(folder.name, "asound.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG)

    def daemon(self):
        return fail_device.FailingDaemon(
            backend="alsa:tofile", guard=self.guard, config="[output]\nperiod = 256\nperiods = 4\n",
            environment={"ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{self.config}"})

    def test_nothing_is_forgotten(self):
        fail_device.check_table([*OPENING, *RUNNING, *STARTING, *WRITING, *OTHERS])

    # ---- opening ----

    def open_with(self, watcher, fault, count):
        """Somebody asks for the device and is told what comes of it; without the fault he gets it."""
        client, faults = watcher.client, watcher.faults
        client.do("/backend", "null")
        faults.arm(**fault, count=count)
        answer = client.call("/backend", "alsa")
        self.assertGreater(faults.hits(), 0, "it was not called")
        watcher.measure("open", 0.05)
        if answer[0] == "/error":
            self.assertEqual(answer[2], "refused")
            self.assertGreater(len(answer[3]), 10, answer)
        watcher.advances("open")
        faults.disarm()
        self.assertEqual(client.do("/backend", "alsa"), ["alsa:tofile"])
        watcher.plays_on("alsa", "open")

    def test_opening(self):
        cases = [(fault, count) for function, more in OPENING.items() for fault in faults(function, more)
                 for count in (1, FOR_GOOD)]
        fail_device.run_cases(self.daemon, "alsa", cases, self.open_with)

    # ---- playing ----

    def open_as(self, watcher, access):
        """Opens the device anew, for mmap or for plain writes."""
        watcher.client.do("/backend", "null")
        if access == "rw":
            watcher.faults.arm("snd_pcm_hw_params_set_access", -errno.EINVAL, count=2, slot=1)
        watcher.client.do("/backend", "alsa")
        self.assertIn(f" {access} ", watcher.client.status()["device"])

    def play_with(self, watcher, fault, count, trigger=None):
        """It fails while it plays. Once: that is over at once. For good: the daemon lives with it until it is over."""
        client, faults = watcher.client, watcher.faults
        self.open_as(watcher, "rw" if fault["function"] in WRITING else "mmap")
        faults.arm(**fault, first=0 if trigger else 5, count=count)
        if trigger:
            faults.arm("snd_pcm_avail_update", trigger, count=1, slot=1)
        harness.until(lambda: faults.hits() > 0, "the fault")
        if count == FOR_GOOD:
            watcher.measure("play", 0.3)
            self.tells(watcher)
            watcher.advances("play")
            faults.disarm()
        watcher.plays_on("alsa", "play")

    def tells(self, watcher):
        """Why it does not play, if it does not."""
        status = watcher.client.status()
        if status["backend"] == "null":
            self.assertIn(status["health"], ("recovering", "silent"))
            self.assertIn("alsa:tofile: ", watcher.daemon.stderr())
            if status["health"] == "recovering":
                self.assertIn("alsa:tofile does not play: ", status["health_why"])

    def test_playing(self):
        cases = [(fault, count) for function, more in {**RUNNING, **WRITING}.items()
                 for fault in faults(function, more) for count in (1, FOR_GOOD)]
        fail_device.run_cases(self.daemon, "alsa", cases, self.play_with)

    def test_starting_again(self):
        cases = [(fault, count, -errno.ESTRPIPE if function == "snd_pcm_resume" else -errno.EPIPE)
                 for function, more in STARTING.items() for fault in faults(function, more)
                 for count in (1, FOR_GOOD)]
        fail_device.run_cases(self.daemon, "alsa", cases, self.play_with)

    # ---- what has no error to give, and what takes long ----

    def slow_or_void(self, watcher, fault, more=None):
        """While it opens, plays, is lost, closes and opens again."""
        client, faults = watcher.client, watcher.faults
        faults.arm(**fault)
        if more:
            faults.arm(*more, slot=1)
        client.do("/backend", "null")
        answer = client.call("/backend", "alsa")
        self.assertEqual(answer[0], "/error" if more else "/done", answer)
        if not more:
            faults.arm("snd_pcm_avail_update", -errno.ENODEV, count=1, slot=1)
            harness.until(lambda: faults.hits(1) > 0, "the loss")
            client.do("/backend", "null")
        harness.until(lambda: faults.hits() > 0, "the fault")
        watcher.measure("other", 0.1)
        faults.disarm()
        faults.disarm(1)
        harness.until(lambda: client.call("/backend", "alsa")[0] == "/done", "it opens again")
        watcher.plays_on("alsa", "other")

    def test_others(self):
        keeps = fail_device.KEEPS
        cases = [({"function": function, "value": value, "count": 3},)
                 for function in OTHERS[1:] for value in (-errno.EINVAL, 0) if function != "snd_strerror"]
        cases += [({"function": "snd_strerror", "value": 0}, ("snd_pcm_open", -errno.EIO))]
        cases += [({"function": "snd_pcm_close", "value": value, "flags": CALLS},) for value in ERRORS]
        cases += [({"function": function, "count": 1, "flags": keeps, "sleep_ms": 3000},)
                  for function in ("snd_pcm_open", "snd_pcm_hw_params", "snd_pcm_close")]
        self.guard = False  # the one that closes a lost device is the audio thread
        fail_device.run_cases(self.daemon, "alsa", cases, self.slow_or_void)

    # ---- xruns ----

    def test_a_storm_of_the_devices_own(self):
        """Each xrun is counted, and put down to somebody else; a storm is told, and stops no voice."""
        with self.daemon() as daemon:
            watcher = fail_device.Watcher(daemon, "alsa")
            client, faults = watcher.client, watcher.faults
            before = client.status()
            for _ in range(20):
                faults.arm("snd_pcm_state", XRUN, first=3, count=1)
                harness.until(lambda: faults.hits() > 0, "the xrun")
            status = harness.until(lambda: (s := client.status())["health"] == "degraded" and s["xrun_storms"] and s,
                                   "a storm")
            self.assertGreaterEqual(status["xruns"] - before["xruns"], 20)
            self.assertEqual(status["xruns_ours"], before["xruns_ours"])
            self.assertIn("too late again and again", status["health_why"])
            self.assertEqual(status["voices_shed"], 0)
            self.assertEqual(status["backend_losses"], before["backend_losses"])
            self.assertIn("10 xruns within 2 s", daemon.stderr())
            harness.until(lambda: "no xrun for 5 s" in daemon.stderr(), "calm")
            self.assertEqual(list(client.voices()), [1])

    # ---- start and stop ----

    def test_it_leaves_in_time(self):
        """SIGTERM while it fails for good; Daemon.stop() gives it 2 s."""
        worst = {"snd_pcm_poll_descriptors_revents": -errno.EAGAIN, "snd_pcm_state": SUSPENDED,
                 "snd_pcm_avail_update": -errno.EPIPE, "snd_pcm_mmap_begin": -errno.EIO, "snd_pcm_mmap_commit": 0,
                 "snd_pcm_writei": -errno.EAGAIN, "snd_pcm_close": -errno.EIO, "snd_pcm_drop": -errno.ENOSYS}
        for function, value in worst.items():
            with self.subTest(function), self.daemon() as daemon:
                daemon.faults.arm(function, value, flags=CALLS if function == "snd_pcm_close" else 0)
                if function == "snd_pcm_writei":
                    daemon.faults.arm("snd_pcm_hw_params_set_access", -errno.EINVAL, count=2, slot=1)
                    client = daemon.client()
                    client.call("/backend", "null")
                    client.call("/backend", "alsa")

    def test_starting(self):
        """The first device does not open, or does not play: the next one of the chain does, or the daemon says why."""
        for function in [*OPENING, *STARTING]:
            for chain in "alsa:tofile, null", "alsa:tofile":
                daemon = self.daemon()
                daemon.options[-1] = chain
                daemon.faults.arm(function, -errno.EIO)
                try:
                    daemon.launch()
                    self.comes_up_or_says_why(daemon)
                finally:
                    daemon.remove()

    def comes_up_or_says_why(self, daemon):
        def is_settled():
            return daemon.process.poll() is not None or os.path.exists(daemon.socket)
        harness.until(is_settled, "it is up, or has left")
        if daemon.process.poll() is None:
            client = daemon.wait_until_up().client()
            frames = client.status()["frames"]
            harness.until(lambda: client.status()["frames"] > frames, "frames")
            daemon.stop()
            return
        self.assertEqual(daemon.process.returncode, 1)
        self.assertRegex(daemon.stderr(), "chimed: error: .*ALSA device.*\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
