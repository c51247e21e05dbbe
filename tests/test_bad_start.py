#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bad_start.py - a daemon that cannot start says why.
import errno
import os
import signal
import socket
import subprocess
import unittest

from harness import NOBODY, SANITIZE, Daemon, run_chimed, sine, until, wav

IS_ROOT = os.geteuid() == 0


class Starting(unittest.TestCase):
    def fails(self, daemon, *says, code=1):
        self.addCleanup(daemon.remove)
        got, text = daemon.launch().wait()
        self.assertEqual(got, code, text)
        for words in says:
            self.assertIn(words, text)
        self.assertNotIn("Sanitizer", text)
        self.assertFalse(os.path.exists(daemon.socket))
        return text

    def test_socket_of_a_dead_daemon(self):
        with Daemon() as daemon:
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
            self.assertTrue(os.path.exists(daemon.socket))
            self.assertEqual(daemon.chime("ping").returncode, 3)
            daemon.start()
            self.assertEqual(daemon.chime("ping").returncode, 0)

    def test_second_daemon(self):
        with Daemon(udp=True) as first:
            client = first.client()
            client.do("/play", first.sound("a.wav", wav(sine(4800))), "id", 1, "loop", 1)
            second = Daemon("--socket", first.socket)
            self.fails(second, f"another chimed listens on {first.socket}; stop it, or give this one another --socket")
            third = Daemon("--udp-port", str(first.port))
            self.fails(third, f"cannot listen on UDP 127.0.0.1:{first.port}: {os.strerror(errno.EADDRINUSE)}",
                       "--udp-port names another port, 0 none")
            self.assertTrue(os.path.exists(first.socket))
            self.assertEqual(client.voices()[1]["state"], "playing")
            self.assertEqual(first.chime("ping").returncode, 0)

    def test_udp_port_of_another_program(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            self.fails(Daemon("--udp-port", str(port)), f"cannot listen on UDP 127.0.0.1:{port}")

    def test_socket_path_that_is_no_place(self):
        self.fails(Daemon("--socket", "/nowhere/at/all.sock"),
                   "cannot make the socket /nowhere/at/all.sock: No such file", "--socket names another place")
        self.fails(Daemon("--socket", "/" + "x" * 150), "expected at most 107", code=2)
        daemon = Daemon()
        file = daemon.write("file", b"keep me")
        daemon.options += ["--socket", file]
        self.fails(daemon, "cannot make the socket")
        with open(file, "rb") as kept:
            self.assertEqual(kept.read(), b"keep me")

    def test_no_jack_server(self):
        text = self.fails(Daemon(backend="jack"), "JACK")
        self.assertRegex(text, r"chimed: error: .*(jackd|server)")

    def test_no_alsa_device(self):
        self.fails(Daemon("--device", "hw:CARD=Nonesuch", backend="alsa"), 'there is no ALSA device "hw:CARD=Nonesuch"')
        self.fails(Daemon("--device", "nonsense", backend="alsa"), 'there is no ALSA device "nonsense"')

    def test_auto_falls_on(self):
        with Daemon("--device", "hw:CARD=Nonesuch", backend="auto") as daemon:
            self.assertEqual(daemon.client().status()["backend"], "null")
            for words in "backend: not jack: ", "backend: not alsa: ", "backend: null":
                self.assertIn(words, daemon.stderr())

    def test_busy_alsa_device(self):
        """Where alsa-lib would open a card, a type of ours says what the kernel says of a busy one."""
        daemon = Daemon("--device", "taken", backend="alsa")
        source = daemon.write("taken.c", """#include <alsa/asoundlib.h>
int taken_open(snd_pcm_t **pcm, const char *name, snd_config_t *root, snd_config_t *conf, snd_pcm_stream_t stream,
               int mode)
{
    return -EBUSY;
}
SND_DLSYM_BUILD_VERSION(taken_open, SND_PCM_DLSYM_VERSION);
""")
        library = daemon.path("taken.so")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-shared", "-fPIC", "-DPIC", "-w", "-o", library, source], check=True)
        daemon.environment["ALSA_CONFIG_PATH"] = daemon.write("asound.conf", f"""
pcm_type.taken {{ lib "{library}" open "taken_open" }}
pcm.taken {{ type taken }}
""".encode())
        self.fails(daemon, 'the ALSA device "taken" is busy')

    @unittest.skipUnless(IS_ROOT, "only root can become another user")
    def test_without_real_time_rights(self):
        with Daemon(user=NOBODY) as daemon:
            client = daemon.client()
            client.do("/play", daemon.sound("a.wav", wav(sine(4800))), "id", 1, "loop", 1)
            until(lambda: client.buses()["master"]["rms_left"] > -13, "sound")
            text = daemon.stderr()
        self.assertIn("warning: THE AUDIO THREAD RUNS WITHOUT REAL-TIME PRIORITY", text)
        self.assertIn("RLIMIT_RTPRIO is 0", text)
        self.assertIn("LimitRTPRIO=70", text)
        if "address" not in SANITIZE:  # which makes mlock() do nothing and succeed
            self.assertIn("the limit is 64 KiB (RLIMIT_MEMLOCK)", text)
            self.assertIn("LimitMEMLOCK=", text)

    @unittest.skipUnless(IS_ROOT and "address" not in SANITIZE, "needs root, and an mlock() that works")
    def test_locked_memory_that_is_a_must(self):
        config = "[engine]\nlock_memory = yes"
        self.fails(Daemon(user=NOBODY, config=config), "cannot lock", "RLIMIT_MEMLOCK", "chimed.conf:4: lock_memory = yes")
        self.fails(Daemon("--check-config", user=NOBODY, config=config), "cannot lock", "chimed.conf:4: lock_memory = yes")

    @unittest.skipUnless(IS_ROOT, "only root can become another user")
    def test_read_only_runtime_folder(self):
        daemon = Daemon(user=NOBODY)
        os.chown(daemon.path("run"), 0, 0)
        self.fails(daemon, f"cannot make the socket {daemon.socket}", "--socket names another place")
        os.mkdir(daemon.path("run/chimed"))
        self.fails(daemon, f"cannot make the socket {daemon.socket}: Permission denied", "--socket names another place")


class Configuration(unittest.TestCase):
    def wrong(self, config, *says, options=()):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        path = daemon.write("wrong.conf", config)
        result = run_chimed("-c", path, "--check-config", *options)
        self.assertEqual((result.returncode, result.stdout), (2, b""), result.stderr)
        for words in says:
            self.assertIn(words.replace("FILE", path), result.stderr.decode())

    def test_files(self):
        self.wrong(b"[engine]\nvoces = 3\n", "FILE:2: key voces in [engine]; expected one of: voices buses sounds")
        self.wrong(b"[output]\n\nperiod = many\n",
                   "FILE:3: period = many; expected a whole number from 16 to 8192 frames")
        self.wrong(b"[output]\nperiod = 15\n", "FILE:2: period = 15; expected a whole number from 16 to 8192")
        self.wrong(b"[engine]\nvoices = 65537\n", "FILE:2: voices = 65537; expected a whole number from 1 to 65536")
        self.wrong(b"[engine]\nramp = nan\n", "FILE:2: ramp = nan; expected a number from 0.001 to 1 s")
        self.wrong(b"[engine]\nqueue = 1000\n", "FILE:2: queue = 1000; expected a power of two")
        self.wrong(b"[output]\nbackend = pulse\n", "FILE:2: backend = pulse; expected auto|jack|alsa|null")
        self.wrong(b"[outptu]\n",
                   "FILE:1: section [outptu]; expected [engine], [memory], [output], [control], [access], [paths], [log] or [bus NAME]")
        self.wrong(b"voices = 3\n", "FILE:1: key voices before any section")
        self.wrong(b"[engine]\nvoices\n", "FILE:2: a line of another kind")
        self.wrong(b"[paths]\nallow = sounds\n", "FILE:2: allow = sounds; expected a path that begins with /")
        self.wrong(b"[bus a]\nvolume = 3\n",
                   "FILE:2: key volume in [bus a]; expected parent, gain, pan, mute, out or width")
        self.wrong(b"[bus a]\ngain = 30\n", "FILE:2: gain = 30; expected a number from -200 to 24 dB")
        self.wrong(b"[bus a]\nparent = b\n", "[bus a] parent = b is no bus")
        self.wrong(b"[bus a]\nparent = b\n[bus b]\nparent = a\n", "feeds itself in a circle")
        self.wrong(b"[bus a]\nout = 3\n", "[bus a] goes to channel 4; expected at most output.channels = 2")
        self.wrong(b"\0\0\0", "FILE:1: a zero byte")

    def test_a_file_that_is_not_there(self):
        result = run_chimed("-c", "/nowhere.conf")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"no such file: /nowhere.conf", result.stderr)

    def test_flags(self):
        self.wrong(b"", "voices = 0; expected a whole number from 1 to 65536", options=("--voices", "0"))
        self.wrong(b"", "backend = oss; expected auto|jack|alsa|null", options=("--backend", "oss"))
        self.wrong(b"", "level = loud; expected error|warning|info|debug", options=("--log-level", "loud"))
        for words in ("--wrong",), ("word",), ("--voices",):
            result = run_chimed(*words)
            self.assertEqual(result.returncode, 2)
            self.assertIn(b"Try `chimed --help`", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
