#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_reload.py - the configuration is read again while a loop plays: what changed takes effect, and nobody hears it.
"""What plays is captured by the `file` plugin of alsa-lib, frame by frame."""
import array
import json
import os
import re
import signal
import socket
import tempfile
import threading
import unittest

import harness
import jack_server
import tree
from harness import Daemon, osc, sine, until, wav

ASOUND = """
pcm.one {{ type file slave.pcm "null" file "{folder}/one" format "raw" }}
pcm.two {{ type file slave.pcm "null" file "{folder}/two" format "raw" }}
"""
HZ = 100
# Between two frames of the loop at full level, with room for what a ramp adds.
STEP = 0.5 * 2 * 3.1416 * HZ / 48000 * 1.3


class Manager:
    """A service manager, as far as it is told how the daemon is."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = os.path.join(folder, "notify")
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.seen = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while text := self.socket.recv(4096).decode():
            self.seen.append(text)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()

    def states(self):
        """What is told, without status lines and the watchdog."""
        lines = [line for text in list(self.seen) for line in text.splitlines()]
        return [line for line in lines if not line.startswith(("STATUS=", "WATCHDOG="))]


class Reload(unittest.TestCase):
    """A daemon on a configuration file that tests write anew."""

    ALSA = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="chimed-reload-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o755)
        self.manager = Manager(self.folder)
        self.addCleanup(self.manager.close)
        with open(os.path.join(self.folder, "asound.conf"), "w", encoding="ascii") as file:
            file.write(ASOUND.format(folder=self.folder))
        self.captured = os.path.join(self.folder, "one")
        self.environment = {"NOTIFY_SOCKET": self.manager.path,
                            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{self.folder}/asound.conf"}

    def start(self, config="", **more):
        base = "[output]\nbackend = alsa\ndevice = one\nformat = float\nperiod = 64\nperiods = 4\n" if self.ALSA else \
            "[output]\nbackend = null\n"
        self.base = base
        self.daemon = Daemon(backend="", config=base + config, environment=self.environment, **more)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.client = self.daemon.client()
        self.client.do("/sound/load", "sine", self.daemon.sound("sine.wav", wav([s for s in sine(4800, HZ) for _ in "lr"], channels=2)))
        self.client.do("/play", "sine", "id", 1, "loop", 1)
        return self.daemon

    def write(self, config, base=None):
        text = f"[paths]\nsound_folder = {self.daemon.sounds}\n{self.base if base is None else base}{config}\n"
        self.daemon.write("chimed.conf", text)

    def reload(self):
        """What has changed: {key: (old, new, effect)}."""
        n_now, n_restart = self.client.do("/reload")
        rows = {m[1]: tuple(m[2:]) for m in self.client.seen if m[0] == "/reload/info"}
        self.client.seen = [m for m in self.client.seen if m[0] != "/reload/info"]
        self.assertEqual([effect for _, _, effect in rows.values()].count("now"), n_now, rows)
        self.assertEqual([effect for _, _, effect in rows.values()].count("restart"), n_restart, rows)
        return rows

    def reload_with(self, config, base=None):
        self.write(config, base)
        return self.reload()

    def hang_up(self):
        """Reloads by the signal; comes back when that is done."""
        n = self.manager.states().count("READY=1")
        self.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: self.manager.states().count("READY=1") > n, "the end of the reload")

    def play_on(self, n_frames=4800):
        frames = self.client.status()["frames"]
        until(lambda: self.client.status()["frames"] > frames + n_frames, "frames")

    def check(self):
        """The loop still plays, and no period has been lost to what was done."""
        self.play_on()
        status = self.client.status()
        self.assertEqual(self.client.voices()[1]["state"], "playing")
        self.assertEqual(status["xruns_ours"], 0)
        self.assertEqual(status["backend_losses"], 0)

    # ---- captures ----

    def capture(self, name="one", channel=0):
        """One channel, as floats."""
        with open(os.path.join(self.folder, name), "rb") as file:
            data = array.array("f", file.read())
        return data[channel::2]

    def assert_smooth(self, samples):
        """No frame is further from the one before than the sine is: nothing was cut, left out or doubled."""
        self.assertGreater(max(samples, default=0), 0.4, "nothing is heard")
        for i, (a, b) in enumerate(zip(samples, samples[1:])):
            if abs(b - a) > STEP:
                self.fail(f"a click at frame {i} of {len(samples)}: {a} {b}")

    @staticmethod
    def levels(samples, n=480):
        """Peaks of pieces of a period of the sine each."""
        return [max(map(abs, samples[i:i + n])) for i in range(0, len(samples) - n + 1, n)]


def config_rows():
    """The rows of config.def: (macro, section, name, default, ...)."""
    text = re.sub(r"\n[ \t]+", " ", tree.read("engine/config.def"))
    for line in text.splitlines():
        match = re.match(r"CONFIG_(INT|FLOAT|TEXT|CHOICE)\((.*)\)$", line)
        if match:
            fields = re.findall(r'"(?:[^"\\]|\\.)*"|[^,]+', match[2])
            yield [match[1], *(f.strip().strip('"') for f in fields)]


class Keys(Reload):
    def other_value(self, row):
        """A value that is none but the present one, and does no harm."""
        kind, _, name, default = row[:4]
        special = {"queue": "65536", "backend": "null,jack", "socket": f"{self.folder}/s", "device": "null",
                   "stream_socket": f"{self.folder}/t", "sound_folder": self.folder, "period": "512", "ramp": "0.01"}
        if name.endswith("_folder"):
            return self.folder
        if name in special:
            return special[name]
        if name.endswith(("_users", "_groups")):
            return "65534"
        if kind == "CHOICE":
            return next(word for word in row[4].split("|") if word not in (default, "error"))
        if kind == "TEXT":
            return "other"
        return str(int(default) - 1) if int(float(default)) == int(float(row[5])) else \
            str(int(default) + 1) if kind == "INT" else str(float(default) / 2 or 0.5)

    def test_every_key_does_what_the_table_says(self):
        """One after the other, each by itself; and back."""
        live = set(re.findall(r"(?m)^CONFIG_LIVE\((\w+)\)", tree.read("engine/config.def")))
        rows = list(config_rows())
        self.assertGreater(len(rows), 40)
        self.assertLess(live, {row[2] for row in rows})
        self.start()
        for row in rows:
            _, section, name = row[:3]
            if name == "udp_port":
                continue
            with self.subTest(name):
                base = "" if name in ("backend", "sound_folder") else self.base
                value = self.other_value(row)
                if name == "sound_folder":
                    self.daemon.write("chimed.conf", f"{self.base}\n[paths]\nsound_folder = {value}\n")
                else:
                    self.write(f"[{section}]\n{name} = {value}\n", base)
                changes = self.reload()
                if name == "socket":
                    del changes["[control] stream_socket"]  # lies beside it
                effect = "now" if name in live else "restart"
                self.assertEqual({key: row[1:] for key, row in changes.items()},
                                 {f"[{section}] {name}": (value, effect)})
                self.write("")
                back = self.reload()
                self.assertEqual(list(back), [f"[{section}] {name}"] if name in live else [])
        self.check()
        self.daemon.stop()

    def test_the_command_line_wins(self):
        self.start()
        self.assertEqual(self.reload_with("[control]\nudp_port = 1234\n"), {})
        self.daemon.stop()

    def test_restart_is_asked_for_until_it_comes(self):
        self.start()
        for _ in range(2):
            self.assertEqual(self.reload_with("[engine]\nvoices = 2000\n"),
                             {"[engine] voices": ("1024", "2000", "restart")})
        self.assertEqual(self.client.status()["voices_max"], 1024)
        self.assertIn("warning: the configuration has changed, and takes effect after a restart: "
                      "[engine] voices = 2000 (was 1024)\n", self.daemon.stderr())
        self.assertEqual(self.reload_with(""), {})
        self.daemon.stop()

    # ---- effects ----

    def test_access(self):
        self.start(udp=True)
        udp, unix = self.daemon.client(udp=True), self.daemon.client()
        tcp = socket.create_connection(("127.0.0.1", self.daemon.port))
        self.addCleanup(tcp.close)
        lines = tcp.makefile("rw", encoding="utf-8", newline="\n")

        def by_tcp():
            lines.write("bus/set master gain 0\n")
            lines.flush()
            return lines.readline()

        udp.do("/bus/set", "master", "gain", 0.0)
        self.assertIn("done", by_tcp())
        # Those who are known and connected, too.
        self.reload_with("[access]\nudp_role = read\ntcp_role = read\n")
        self.assertEqual(udp.call("/stop", "all")[2], "forbidden")
        self.assertIn("forbidden", by_tcp())
        self.reload_with("[access]\nudp_role = admin\n")
        udp.do("/reload")
        self.assertIn("done", by_tcp())
        unix.do("/ping")
        self.reload_with(f"[access]\nread_users = {os.getuid()}\n")
        self.assertEqual(unix.call("/stop", "all")[2], "forbidden")
        # The way back is not open to who has shut it; the signal is.
        self.assertEqual(unix.call("/reload")[2], "forbidden")
        self.write("")
        self.hang_up()
        unix.do("/reload")
        self.daemon.stop()

    def test_groups(self):
        if os.getuid() != 0:
            self.skipTest("only root can run it as somebody else")
        self.start(user=harness.NOBODY)
        self.client.do("/reload")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.daemon.stream)
            lines = stream.makefile("rw", encoding="utf-8", newline="\n")
            self.write(f"[access]\nread_groups = {os.getgid()}\n")
            self.hang_up()
            lines.write("stop all\n")
            lines.flush()
            self.assertIn("forbidden", lines.readline())
            lines.close()
        self.assertEqual(self.client.call("/stop", "all")[2], "forbidden")
        self.write("[access]\nadmin_groups = root\n")
        self.hang_up()
        self.client.do("/reload")
        self.daemon.stop()

    def test_folders(self):
        self.start()
        path = self.daemon.write("elsewhere.wav", wav(sine(480)))
        self.assertEqual(self.client.call("/sound/load", "a", path)[2], "not_allowed")
        changes = self.reload_with(f"[paths]\nallow = {self.daemon.folder}\n")
        self.assertEqual(list(changes), ["[paths] allow"])
        self.client.do("/sound/load", "a", path)
        self.reload_with("")
        self.assertEqual(self.client.call("/sound/load", "b", path)[2], "not_allowed")
        self.client.do("/play", "a")  # what is loaded stays
        os.mkdir(self.daemon.path("other"))
        self.daemon.write("other/own.wav", wav(sine(480)))
        self.assertEqual(self.client.call("/sound/load", "own", "own.wav")[0], "/error")
        self.daemon.write("chimed.conf", f"{self.base}[paths]\nsound_folder = {self.daemon.path('other')}\n")
        self.reload()
        self.client.do("/sound/load", "own", "own.wav")
        self.daemon.stop()

    def test_rate_and_patience(self):
        self.start("[control]\npatience = 3600\n")
        deaf = socket.socket(socket.AF_UNIX)
        self.addCleanup(deaf.close)
        deaf.connect(self.daemon.stream)
        deaf.setblocking(False)
        try:
            while True:
                deaf.send(b"memory\n" * 100)
        except BlockingIOError:
            pass
        self.reload_with("[control]\npatience = 1\n")
        until(lambda: self.client.status()["connections_cut"] == 1, "the end of a connection that does not read")
        self.reload_with("[control]\nmessage_rate = 1\n")
        fast = self.daemon.client()
        for _ in range(3):
            fast.send(osc("/ping"))
        self.assertEqual(fast.wait_for(lambda m: m[0] == "/error")[2], "too_fast")
        self.write("")
        self.hang_up()
        self.client = self.daemon.client()
        for _ in range(20):
            self.client.do("/ping")
        self.daemon.stop()

    def test_log_level(self):
        self.start()
        self.client.do("/sound/load", "x", "sine.wav")
        self.assertNotIn("debug:", self.daemon.stderr())
        self.reload_with("[log]\nlevel = debug\n")
        tcp = self.daemon.client()
        tcp.do("/ping")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.daemon.stream)
            self.reload_with("[log]\nlevel = debug\n[paths]\nallow = /no/such/folder\n")
            until(lambda: "debug: sound folder /no/such/folder" in self.daemon.stderr(), "a line of that level")
        self.reload_with("[log]\nlevel = error\n")
        n = len(self.daemon.stderr())
        self.reload_with("[log]\nlevel = error\n[engine]\nvoices = 99\n")
        self.assertEqual(self.daemon.stderr()[n:], "")
        self.daemon.stop()

    def test_backends(self):
        self.start()
        for name, expected in (("jack,null", ["jack", "null"]), ("null,jack", ["null", "jack"]),
                               ("auto", ["jack", "alsa", "null"])):
            changes = self.reload_with(f"[output]\nbackend = {name}\n", "")
            self.assertEqual(list(changes), ["[output] backend"])
            self.client.send(osc("/backend"))
            self.client.answer("/backend")
            listed = [m[1] for m in self.client.seen if m[0] == "/backend/info"]
            self.client.seen = []
            self.assertEqual(listed, expected)
            self.check()
        self.reload_with("[output]\nbackend = null\nperiod = 1024\n", "")
        until(lambda: self.client.status()["period"] == 1024, "the timer's period")
        self.check()
        self.daemon.stop()

    def test_jack_connections(self):
        with jack_server.Server() as server:
            base = f"[output]\nbackend = jack\njack_server = {server.name}\n"
            self.start()
            self.daemon.remove()
            self.daemon = Daemon(backend="", config=base + "jack_connect = none\n", environment=self.environment)
            self.addCleanup(self.daemon.remove)
            self.daemon.start()
            self.client = self.daemon.client()
            self.assertEqual(server.connections()["chimed:out_1"], [])
            changes = self.reload_with("jack_connect = physical\n", base)
            self.assertEqual(changes, {"[output] jack_connect": ("none", "physical", "now")})
            until(lambda: server.connections()["chimed:out_1"] == ["system:playback_1"], "the connection")
            self.reload_with("jack_connect = none\n", base)  # what is connected stays so
            self.play_on()
            self.assertEqual(server.connections()["chimed:out_2"], ["system:playback_2"])
            self.assertEqual(self.client.status()["backend_losses"], 0)
            self.daemon.stop()

    def test_buses(self):
        self.start("[bus music]\ngain = -6\n[bus gone]\n")
        self.client.do("/bus/set", "music", "pan", 0.5)  # by hand: stays, for the file says nothing else of it
        self.client.do("/bus/new", "there")
        changes = self.reload_with("[bus music]\ngain = -12\nmute = 1\n[bus speech]\nparent = music\ngain = -3\n"
                                   "out = 2\nwidth = 1\n[bus there]\ngain = -1\n")
        self.assertEqual(changes, {
            "[bus music] gain": ("-6", "-12", "now"), "[bus music] mute": ("0", "1", "now"),
            "[bus speech]": ("none", "made", "now"), "[bus speech] gain": ("0", "-3", "now"),
            "[bus there] gain": ("0", "-1", "now"),
            "[bus gone]": ("there", "gone from the file, but left", "restart")})
        self.play_on()
        buses = self.client.buses()
        self.assertEqual((buses["music"]["gain"], buses["music"]["mute"], buses["music"]["pan"]), (-12, 1, 0.5))
        self.assertEqual((buses["speech"]["parent"], buses["speech"]["out"], buses["speech"]["width"]), ("music", 2, 1))
        self.assertEqual((buses["speech"]["gain"], buses["there"]["gain"]), (-3, -1))
        self.assertIn("gone", buses)
        changes = self.reload_with("[bus music]\ngain = -12\n[bus speech]\nout = 2\nwidth = 1\n[bus there]\ngain = -1\n")
        self.assertEqual(changes, {"[bus music] mute": ("1", "0", "now"), "[bus speech] gain": ("-3", "0", "now"),
                                   "[bus speech] parent": ("music", "master", "restart")})
        self.check()
        self.daemon.stop()

    # ---- errors ----

    def test_an_error_changes_nothing(self):
        self.start("[engine]\nramp = 0.02\n[bus music]\n", udp=True)
        path = self.daemon.path("chimed.conf")
        for config, says in (("[engine]\nramp = 0.5\nvoices = many\n", f"{path}:7: voices = many; expected"),
                             ("[engine]\nramp = 0.5\n[nonsense]\n", f"{path}:7: section [nonsense]"),
                             ("[engine]\nramp = 0.5\n[bus a]\nparent = b\n", "[bus a] parent = b is no bus"),
                             ("[engine]\nramp = 0.5\n[bus a]\nout = 3\n", "goes to channel 4"),
                             ("[output]\nchannels = 8\n[bus a]\nout = 3\n", "the device has 2 until a restart"),
                             ("[engine]\nbuses = 1\n[bus a]\n", "at most engine.buses = 1"),
                             ("[engine]\nbuses = 1000\n" + "".join(f"[bus {i}]\n" for i in range(64)), "of 64 buses"),
                             ("[engine]\nramp = 0.5\n[access]\nplay_users = nobody-at-all\n", "no user nobody-at-all"),
                             ("[output]\nbackend = pulse\n", "backend = pulse; expected")):
            with self.subTest(config=config[:60]):
                self.write(config)
                answer = self.client.call("/reload")
                self.assertEqual(answer[:3], ["/error", "/reload", "bad_config"])
                self.assertIn(says, answer[3])
        result = self.daemon.chime("reload")
        self.assertEqual(result.returncode, 1)
        self.assertIn(says, result.stderr)
        self.hang_up()
        self.assertIn("has not been reloaded, and is as before:", self.daemon.stderr())
        self.assertEqual(set(self.client.buses()), {"master", "music"})
        os.remove(path)
        self.assertIn("no such file", self.client.call("/reload")[3])
        self.check()
        self.assertEqual(self.reload_with("[engine]\nramp = 0.02\n[bus music]\n"), {})
        until(lambda: self.manager.states().count("READY=1") == 1 + self.manager.states().count("RELOADING=1"),
              "as many ends of reloads as beginnings")
        self.daemon.stop()

    def test_a_score_has_no_configuration(self):
        score = harness.score((0, osc("/reload")))
        path = os.path.join(self.folder, "score")
        with open(path, "wb") as file:
            file.write(score)
        result = harness.run_chimed("render", path, os.path.join(self.folder, "out.wav"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"a score has no configuration", result.stderr)

    # ---- the client, and many at once ----

    def test_chime(self):
        self.start()
        self.write("[engine]\nramp = 0.01\nvoices = 2000\n")
        result = self.daemon.chime("reload")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.splitlines(), ["[engine] voices: 1024 -> 2000; takes effect after a restart",
                                                      "[engine] ramp: 0.005 -> 0.01"])
        rows = json.loads(self.daemon.chime("reload", "--json").stdout)
        self.assertEqual(rows, [{"key": "[engine] voices", "old": "1024", "new": "2000", "effect": "restart"}])
        self.write("")
        self.daemon.chime("reload")
        self.assertEqual(self.daemon.chime("reload").stdout, "nothing has changed\n")
        self.daemon.stop()

    def test_many_at_once(self):
        self.start()
        configs = [f"[engine]\nramp = 0.0{i + 1}\n[bus music]\ngain = -{i}\n" for i in range(4)]
        codes = []

        def ask():
            for _ in range(8):
                codes.append(self.daemon.chime("reload").returncode)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(40):
            path = self.daemon.write("new.conf", f"[paths]\nsound_folder = {self.daemon.sounds}\n{self.base}"
                                     f"{configs[i % 4]}")
            os.replace(path, self.daemon.path("chimed.conf"))  # so that nobody reads half a file
            self.daemon.process.send_signal(signal.SIGHUP)
            self.client.do("/ping")
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [0] * 24)
        self.reload()
        self.assertEqual(self.client.buses()["music"]["gain"], -3)
        self.check()
        until(lambda: self.manager.states()[-1] == "READY=1", "the end of the last one")
        states = self.manager.states()
        self.assertEqual(states[0], "READY=1")
        self.assertEqual([s.split("=")[0] for s in states[1:]], ["RELOADING", "MONOTONIC_USEC", "READY"] *
                         states.count("RELOADING=1"))
        self.daemon.stop()


class Captured(Reload):
    ALSA = True

    def test_nobody_hears_it(self):
        """By the client and by the signal, with all that takes effect on a reload but the device."""
        self.start("[bus music]\n")
        self.client.do("/play", "sine", "id", 2, "loop", 1, "bus", "music", "gain", -200)
        config = ("[engine]\nramp = 0.05\nshed = no\n[control]\npatience = 9\nmessage_rate = 1000000\n"
                  "[bus music]\ngain = -20\nout = 1\n[bus more]\n[access]\nudp_role = read\n[log]\nlevel = debug\n"
                  f"[paths]\nallow = {self.folder}\n")
        for i in range(4):
            self.play_on()
            self.write(config if i % 2 == 0 else "[bus music]\n")
            if i < 2:
                self.assertGreater(len(self.reload()), 8)
            else:
                self.hang_up()
        self.check()
        self.daemon.stop()
        self.assert_smooth(self.capture())

    def test_levels_move_on_a_ramp(self):
        self.start("[bus music]\n")
        self.client.do("/stop", 1)
        until(lambda: not self.client.voices(), "silence")
        self.client.do("/play", "sine", "id", 1, "loop", 1, "bus", "music")
        for bus in "gain = -20", "gain = -3\npan = 0.5", "mute = 1", "mute = 0", "gain = 0":
            self.play_on()
            self.reload_with(f"[bus music]\n{bus}\n")
        self.check()
        self.daemon.stop()
        samples = self.capture()
        self.assert_smooth(samples)
        levels = self.levels(samples)
        self.assertTrue(any(0.04 < level < 0.06 for level in levels), "-20 dB")

    def test_a_bus_goes_to_another_channel(self):
        self.start("[bus music]\nout = 1\nwidth = 1\n")
        self.client.do("/stop", 1)
        until(lambda: not self.client.voices(), "silence")
        self.client.do("/play", "sine", "id", 1, "loop", 1, "bus", "music")
        for out in 2, 1, 2:
            self.play_on(9600)
            changes = self.reload_with(f"[bus music]\nout = {out}\nwidth = 1\n")
            self.assertEqual(changes, {"[bus music] out": (str(3 - out), str(out), "now")})
            until(lambda: self.client.buses()["music"]["out"] == out, "the other channel")
        self.reload_with("[bus music]\nout = 1\nwidth = 1\n")  # and again before the first is over
        self.reload_with("[bus music]\nout = 2\nwidth = 1\nmute = 1\n")
        self.play_on(9600)
        self.assertEqual(self.client.buses()["music"]["mute"], 1)
        self.reload_with("[bus music]\nout = 2\nwidth = 1\n")
        self.play_on(9600)
        self.assertEqual(self.client.buses()["music"]["mute"], 0)
        self.check()
        self.daemon.stop()
        left, right = self.capture(channel=0), self.capture(channel=1)
        start = next(i for i, s in enumerate(left) if s) + 9600  # the voice before went to both
        self.assert_smooth(left[start:])
        self.assert_smooth(right[start:])

    def test_the_declick_ramp(self):
        self.start()
        lengths = []
        for ramp in "0.005", "0.1":
            self.reload_with(f"[engine]\nramp = {ramp}\n")
            self.play_on()
            self.client.do("/bus/set", "master", "mute", 1)
            self.play_on(9600)
            self.client.do("/bus/set", "master", "mute", 0)
            self.play_on(9600)
        self.daemon.stop()
        # From the last full level before each silence to its first frame.
        samples, at = self.capture(), 0
        for _ in range(2):
            at = next(i for i in range(at, len(samples)) if abs(samples[i]) > 0.49)
            silent = next(i for i in range(at, len(samples) - 960) if not any(samples[i:i + 960]))
            full = max(i for i in range(at, silent) if abs(samples[i]) > 0.49)
            lengths.append(silent - full)
            at = silent
        self.assertLess(lengths[0], 960)
        self.assertGreater(lengths[1], 4000)

    def test_another_device(self):
        self.start()
        for i in range(2):
            self.play_on()
            device, n = ("two", 128) if i == 0 else ("one", 64)
            base = f"[output]\nbackend = alsa\ndevice = {device}\nformat = float\nperiod = {n}\nperiods = 3\n"
            os.replace(self.captured, self.captured + ".before") if i == 1 else None
            changes = self.reload_with("", base)
            self.assertEqual(changes["[output] device"][1:], (device, "now"))
            until(lambda: self.client.status()["period"] == n and device in self.client.status()["device"], device)
            self.check()
            self.assertEqual(self.client.status()["health"] in ("healthy", "degraded"), True)
        self.daemon.stop()
        for name in "one.before", "two", "one":
            samples = self.capture(name)
            self.assert_smooth(samples)
            self.assertEqual(samples[-1], 0)  # it faded out, and so did the last one
        self.assertEqual(self.capture("two")[0], 0)

    def test_another_format(self):
        self.start()
        self.reload_with("", self.base.replace("float", "s16"))
        until(lambda: "s16" in self.client.status()["device"].lower(), "the format")
        self.check()
        self.daemon.stop()

    def test_a_wrong_device_leaves_the_right_one(self):
        self.start()
        self.reload_with("", self.base.replace("device = one", "device = none-of-this-name"))
        until(lambda: "none-of-this-name" in self.client.status()["health_why"], "that it is told")
        self.play_on(24000)
        self.assertIn("one", self.client.status()["device"])
        self.reload_with("")
        until(lambda: self.client.status()["backend_wanted"] == "alsa" and not self.client.status()["health_why"].count(
            "none-of-this-name"), "the end of that")
        self.check()
        self.daemon.stop()

    # ---- the end ----

    def test_it_fades_out(self):
        self.start()
        self.reload_with("[engine]\nquit_fade = 0.4\n")
        self.play_on(9600)
        self.daemon.stop()
        samples = self.capture()
        self.assert_smooth(samples)
        levels = self.levels(samples)
        full = max(i for i, level in enumerate(levels) if level > 0.495)
        fade = [level for level in levels[full + 1:] if level > 0]
        self.assertGreater(len(fade), 35, "0.4 s are 40 pieces")
        self.assertEqual(fade, sorted(fade, reverse=True))
        self.assertEqual(self.manager.states()[-1], "STOPPING=1")

    def test_a_second_signal_ends_it_at_once(self):
        self.start("[engine]\nquit_fade = 1.5\n")
        self.play_on()
        self.daemon.process.send_signal(signal.SIGTERM)
        until(lambda: "STOPPING=1" in self.manager.states(), "the beginning of its end")
        self.daemon.stop()  # by the same signal
        levels = self.levels(self.capture())
        self.assertGreater(max(levels[-30:]), 0.05, "it has faded out all the way")

    def test_nothing_is_reloaded_at_the_end(self):
        self.start("[engine]\nquit_fade = 0.5\n")
        self.daemon.process.send_signal(signal.SIGTERM)
        until(lambda: "STOPPING=1" in self.manager.states(), "the beginning of its end")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.daemon.process.wait(harness.PATIENCE_S), 0)
        self.assertEqual(self.manager.states()[-1], "STOPPING=1")


class Limits(unittest.TestCase):
    """Rights that a unit asks for, and that a container does not grant."""

    def test_it_says_what_it_lacks_and_goes_on(self):
        if os.getuid() != 0:
            self.skipTest("only root can run it as somebody else")
        with Daemon(user=harness.NOBODY) as daemon:
            client = daemon.client()
            until(lambda: client.status()["health"] == "degraded", "that it is told")
            until(lambda: "RLIMIT_RTPRIO is 0" in daemon.stderr(), "what the audio thread lacks")
            said = daemon.stderr()
            self.assertEqual(said.count("RLIMIT_RTPRIO is 0"), 1)
            if "address" not in harness.SANITIZE:  # which makes mlock() do nothing and succeed
                self.assertEqual(said.count("RLIMIT_MEMLOCK"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
