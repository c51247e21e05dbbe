#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bad_input.py - what can be wrong is answered with a code and a sentence, and what plays goes on.
import errno
import math
import os
import signal
import socket
import struct
import subprocess
import unittest

from harness import (CHIMED, NOBODY, SANITIZE, Daemon, bundle, osc, padded, run_chimed, sine, until, wav)

IS_ROOT = os.geteuid() == 0


class WhilePlaying(unittest.TestCase):
    """One daemon for all, on which voice 1 plays without end."""

    CONFIG = ""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(udp=True, config=cls.CONFIG)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.good = cls.daemon.sound("good.wav", wav(sine(4800)))
        cls.listener = cls.daemon.client()
        cls.listener.do("/play", cls.good, "id", 1, "loop", 1, "notify", 1)
        assert cls.listener.receive() == ["/started", 1]

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()  # with its checks; after a failure of setUpClass only the clean-up runs

    def setUp(self):
        self.client = self.daemon.client()

    def tearDown(self):
        """It is there, and what played still sounds."""
        self.assertEqual(self.client.voices(), {1: {
            "sound": self.good, "bus": "master", "gain": 0.0, "pan": 0.0, "rate": 1.0, "state": "playing"}})
        frames = self.client.status()["frames"]
        until(lambda: self.client.status()["frames"] > frames + 9600, "two windows of the meters")
        self.assertGreater(self.client.buses()["master"]["rms_left"], -13)
        self.assertIsNone(self.listener.receive(0))
        self.client.close()

    def refused(self, code, says, path, *args, fds=()):
        answer = self.client.call(path, *args, fds=fds)
        self.assertEqual(answer[:3], ["/error", path[:255], code], (args, answer))
        self.assertIn(says, answer[3])
        self.assertNotIn("\n", answer[3])


class Files(WhilePlaying):
    CONFIG = "[engine]\nsound_memory = 4\nsounds = 16\n"

    def load_refused(self, code, says, path, play=True):
        self.refused(code, says, "/sound/load", "bad", path)
        if play:
            self.refused(code, says, "/play", path)
        self.assertNotIn("bad", self.client.sounds())
        self.assertNotIn(path, self.client.sounds())

    def bad_file(self, name, data, says, code="bad_sound"):
        path = self.daemon.sound(name, data)
        self.load_refused(code, says, path)
        result = self.daemon.chime("load", path)  # the same when it is handed over
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"({code})", result.stderr)
        return path

    def test_no_such_file(self):
        missing = os.path.join(self.daemon.sounds, "missing.wav")
        self.load_refused("not_found", f"no such file: {missing}", missing)
        self.load_refused("not_found", "no such file", os.path.join(missing, "below.wav"))
        self.load_refused("not_found", "no such file", self.good + "/below.wav")
        self.refused("not_found", "no such file: missing.wav", "/sound/load", "bad", "missing.wav")
        result = self.daemon.chime("play", missing)
        self.assertEqual(result.returncode, 1)
        self.assertIn(missing, result.stderr)

    def test_folder(self):
        folder = os.path.join(self.daemon.sounds, "folder.wav")
        os.mkdir(folder)
        self.load_refused("bad_sound", "is a folder, not a file", folder)
        self.load_refused("bad_sound", "is a folder, not a file", "folder.wav")
        self.assertIn("is a folder", self.daemon.chime("play", folder).stderr)

    def test_truncated(self):
        whole = wav(sine(48000), 1)
        for n in len(whole) - 1, 50000, 46:
            self.bad_file("short.wav", whole[:n], "cut short: the file ends before its header says so")
        for n in 44, 30, 13, 4:
            self.bad_file("short.wav", whole[:n], "short.wav: ")
        self.bad_file("empty.wav", b"", "empty.wav: ")
        self.bad_file("none.wav", wav([]), "holds no sound")

    def test_truncated_in_other_formats(self):
        source = self.daemon.sound("long.wav", wav([(i * 7919 + i * i) % 20011 - 10000 for i in range(48000)]))
        for kind in "flac", "ogg", "aiff", "au", "w64", "caf":
            with self.subTest(kind):
                whole = os.path.join(self.daemon.sounds, f"long.{kind}")
                subprocess.run(["sndfile-convert", source, whole], check=True, capture_output=True)
                with open(whole, "rb") as file:
                    data = file.read()
                self.assertEqual(self.client.do("/sound/load", "whole", whole)[1:3], [1, 48000])
                self.bad_file(f"short.{kind}", data[:len(data) // 2], f"short.{kind}: ")
        self.client.do("/sound/unload", "whole")

    def test_damaged_inside(self):
        source = self.daemon.sound("long.wav", wav([(i * 7919 + i * i) % 20011 - 10000 for i in range(48000)]))
        whole = os.path.join(self.daemon.sounds, "long.flac")
        subprocess.run(["sndfile-convert", source, whole], check=True, capture_output=True)
        with open(whole, "rb") as file:
            data = bytearray(file.read())
        data[20000:24000] = b"\x55" * 4000
        answer = self.client.call("/sound/load", "bad", self.daemon.sound("damaged.flac", bytes(data)))
        self.assertIn(answer[:3], (["/error", "/sound/load", "bad_sound"], ["/done", "/sound/load", "bad"]))
        if answer[0] == "/done":
            self.client.do("/sound/unload", "bad")

    def test_lying_header(self):
        self.bad_file("lie.wav", wav(sine(1000), claim=2000 + 4000), "cut short: the file ends before its header")
        self.bad_file("lie.wav", wav(sine(1000), claim=0x7FFFFFF0), "cut short: the file ends before its header")
        self.bad_file("lie.wav", wav(sine(1000), claim=0xFFFFFFF0), "cut short: the file ends before its header")
        for channels, rate, bits in (0, 48000, 16), (1, 0, 16), (1, 48000, 0), (65535, 48000, 16), (1, 2 ** 31, 16):
            head = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 % 2 ** 32, 2, bits)
            self.bad_header("lie.wav", b"RIFF" + struct.pack("<I", 2036) + b"WAVEfmt " + struct.pack("<I", 16) + head +
                            b"data" + struct.pack("<I", 2000) + b"\1" * 2000)

    def bad_header(self, name, data):
        answer = self.client.call("/sound/load", "bad", self.daemon.sound(name, data))
        self.assertEqual(answer[:2], ["/error", "/sound/load"])
        self.assertIn(answer[2], ("bad_sound", "unsupported"))

    def test_text_called_wav(self):
        self.bad_file("text.wav", b"This is no sound.\n" * 100, "text.wav: ")
        self.bad_file("text.flac", b"fLaC this is none either" * 100, "text.flac: ")

    def test_claims_of_10_gigabytes(self):
        ten = 10_000_000_000
        body = bytes(4000)

        def rf64(channels, bits):
            width = channels * bits // 8
            form = struct.pack("<HHIIHH", 1, channels, 48000, 48000 * width, width, bits)
            return (b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, ten + 72, ten, ten // width, 0) +
                    b"fmt " + struct.pack("<I", 16) + form + b"data\xff\xff\xff\xff")
        self.bad_file("claim.rf64", rf64(2, 16) + body, "claim.rf64: ")
        self.bad_file("claim.wav", wav(sine(2000), claim=4_000_000_000), "cut short")
        # FLAC: 36 bits of samples, in a stream information block of 34 bytes.
        info = struct.pack(">HH", 4096, 4096) + bytes(6) + struct.pack(
            ">Q", 48000 << 44 | 0 << 41 | 15 << 36 | 5_000_000_000) + bytes(16)
        self.bad_file("claim.flac", b"fLaC\x80\0\0\x22" + info + body, "claim.flac: ")
        # And one that keeps its word, in a file full of nothing.
        path = self.daemon.sound("true.rf64", rf64(2, 32))
        os.truncate(path, ten + 80)
        self.load_refused("refused", "refused sample memory", path)
        path = self.daemon.sound("true16.rf64", rf64(1, 16))
        os.truncate(path, ten + 80)
        self.load_refused("bad_sound", "claims 5000000000 frames", path)

    def test_more_than_the_sample_budget(self):
        text = "refused sample memory: "
        self.load_refused("refused", text, self.daemon.sound("big.wav", wav([1] * 2_200_000)))
        self.load_refused("refused", text, self.daemon.sound("big.wav", wav([1] * 2_000_000, rate=44100)))
        half = self.daemon.sound("half.wav", wav([1] * 1_000_000))
        used = self.client.status()["sound_bytes"]
        self.client.do("/sound/load", "one", half)
        more = self.daemon.sound("b.wav", wav([1] * 1_200_000))
        self.load_refused("refused", "of 4.0 MiB are free (sound_memory)", more)
        self.client.do("/sound/unload", "one")
        until(lambda: self.client.status()["sound_bytes"] == used, "the memory that was freed")
        self.client.do("/sound/load", "two", more)
        self.client.do("/sound/unload", "two")

    def test_more_sounds_than_configured(self):
        for i in range(15):
            self.client.do("/sound/load", f"s{i}", self.good)
        self.refused("refused", "refused sounds 16/16", "/sound/load", "s16", self.good)
        self.refused("refused", "refused sounds 16/16", "/play", self.daemon.sound("other.wav", wav([1] * 100)))
        for i in range(15):
            self.client.do("/sound/unload", f"s{i}")

    def test_channels_and_rates_that_cannot_be_played(self):
        for n in 3, 6, 64:
            self.bad_file("many.wav", wav([0] * n * 100, n), f"has {n} channels; mono and stereo can be played",
                          "unsupported")
        for rate in 7999, 192001, 384000:
            self.bad_file("rate.wav", wav([0] * 100, rate=rate), f"has a sample rate of {rate} Hz; 8000 to 192000",
                          "unsupported")

    def test_paths_out_of_the_allowed_folders(self):
        secret = self.daemon.write("secret.wav", wav(sine(100)))
        folder = self.daemon.sounds
        self.load_refused("not_allowed", "is outside the allowed folders", secret)
        self.load_refused("not_allowed", "is outside the allowed folders", "/etc/passwd")
        self.load_refused("not_allowed", "is outside the allowed folders", folder + "x/good.wav")
        for path in (f"{folder}/../secret.wav", "../secret.wav", f"{folder}/x/../../secret.wav", "./../secret.wav",
                     f"{folder}/../sounds/good.wav"):
            with self.subTest(path):
                os.makedirs(f"{folder}/x", exist_ok=True)
                self.load_refused("not_allowed", "leads out of the allowed folders", path)

    def test_links_out_of_the_allowed_folders(self):
        secret = self.daemon.write("secret.wav", wav(sine(100)))
        for name, to in (("relative", "../secret.wav"), ("absolute", secret), ("device", "/dev/zero"),
                         ("process", f"/proc/{os.getpid()}/exe"), ("loop", "loop")):
            with self.subTest(name):
                os.symlink(to, os.path.join(self.daemon.sounds, name))
                self.load_refused("not_allowed", "leads out of the allowed folders",
                                  os.path.join(self.daemon.sounds, name))
        os.symlink(self.daemon.folder, os.path.join(self.daemon.sounds, "up"))
        self.load_refused("not_allowed", "leads out of the allowed folders", "up/secret.wav")
        os.symlink("good.wav", os.path.join(self.daemon.sounds, "inside"))
        self.assertEqual(self.client.do("/sound/load", "inside", "inside")[1:3], [1, 4800])
        self.client.do("/sound/unload", "inside")

    def test_pipes_and_devices(self):
        pipe = os.path.join(self.daemon.sounds, "pipe.wav")
        os.mkfifo(pipe)
        self.load_refused("bad_sound", "is a device, pipe or socket, not a file", pipe)
        self.assertEqual(self.daemon.chime("play", pipe).returncode, 1)
        address = os.path.join(self.daemon.sounds, "socket.wav")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(address)
            self.assertEqual(self.client.call("/play", address)[0], "/error")

    def test_long_and_odd_names(self):
        self.refused("bad_arguments", "the name is longer than 255 bytes", "/sound/load", "n" * 256, self.good)
        self.refused("bad_arguments", "longer than 255 bytes, or the path than", "/sound/load", "n", "/" + "p" * 2000)
        self.refused("bad_arguments", "longer than", "/play", "p" * 60000)
        for name in "n" * 255, "a\nb", "\x1b[31m", "\u00fcber", "/":
            self.assertEqual(self.client.do("/sound/load", name, self.good)[0], name)
            self.client.do("/sound/unload", name)

    def test_many_loads_at_once(self):
        """More than can be under way: each is answered, and none is lost."""
        n = 400
        for i in range(n):
            self.client.send(osc("/sound/load", "same", self.good))
        answers = [self.client.answer("/sound/load") for _ in range(n)]
        refused = [a for a in answers if a[0] == "/error"]
        self.assertLess(len(refused), n)
        self.assertEqual({a[2] for a in refused} | {"refused"}, {"refused"})
        self.client.do("/sound/unload", "same")


class Descriptors(WhilePlaying):
    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def handed(self, code, says, fd):
        for request in ("/play", "/given.wav"), ("/sound/load", "given", "/given.wav"):
            self.refused(code, says, *request, fds=[fd])

    def test_what_is_no_file(self):
        before = self.open_files()
        folder = os.open(self.daemon.sounds, os.O_RDONLY)
        self.handed("bad_sound", "is a folder, not a file", folder)
        reader, writer = os.pipe()
        self.handed("bad_sound", "is a device, pipe or socket, not a file", reader)
        zero = os.open("/dev/zero", os.O_RDONLY)
        self.handed("bad_sound", "is a device, pipe or socket, not a file", zero)
        self.handed("bad_sound", "is a device, pipe or socket, not a file", self.client.socket.fileno())
        for fd in folder, reader, writer, zero:
            os.close(fd)
        self.client.do("/sync", 1)
        self.assertEqual(self.open_files(), before)

    def test_what_may_not_be_read(self):
        for flags in os.O_WRONLY, os.O_PATH:
            fd = os.open(self.good, flags)
            self.handed("not_allowed", "without the right to read it", fd)
            os.close(fd)

    def test_what_is_no_sound(self):
        with open(CHIMED, "rb") as file:
            self.handed("bad_sound", "/given.wav: ", file.fileno())

    def test_none_is_kept(self):
        before = self.open_files()
        with open(self.good, "rb") as file:
            fd = file.fileno()
            self.client.do("/ping", fds=[fd])
            self.client.do("/ping", fds=[fd] * 8)
            self.client.do("/ping", fds=[fd] * 200)
            self.client.call("/nonsense", fds=[fd])
            self.client.call("/play", fds=[fd])
            self.client.call("/play", "x", "bus", "none", fds=[fd])
            self.client.send(b"nonsense", fd)
            self.client.answer("")
            self.client.send(bundle(osc("/ping"), osc("/sound/load", "a", "/x"), osc("/sound/load", "b", "/x")), fd)
            self.assertEqual(self.client.answer("/sound/load")[2], "a")
            self.assertEqual(self.client.answer("/sound/load")[2], "not_allowed")  # one file, one sound
        self.client.do("/sound/unload", "a")
        self.client.do("/sync", 1)
        self.assertEqual(self.open_files(), before)


class Requests(WhilePlaying):
    def test_unknown_names(self):
        for path, *args in ("/sound/unload", "none"), ("/stop", "all", "sound", "none"):
            self.refused("unknown_sound", "no sound is called none", path, *args)
        for name in "none", "no such sound":
            says = f"no sound is called {name}, and no allowed folder holds such a file"
            self.refused("unknown_sound", says, "/play", name)
        for path, *args in (("/play", self.good, "bus", "none"), ("/stop", "all", "bus", "none"),
                            ("/bus/set", "none", "gain", 0.0), ("/bus/new", "b", "none")):
            self.refused("unknown_bus", "no bus is called none", path, *args)
        for path, *args in (("/stop", 99), ("/pause", 99), ("/resume", 99), ("/seek", 99, 0.0),
                            ("/voice/set", 99, "gain", 0.0), ("/stop", 2147483647)):
            self.refused("unknown_voice", f"no voice {args[0]} is playing", path, *args)
        for path in "/", "/nothing", "/play/more", "/pla", "/PLAY", "/play ", "/x" * 1000:
            self.refused("unknown_method", f"no method has the path {path}"[:80], path)
        self.refused("taken", "voice 1 is playing", "/play", self.good, "id", 1)
        self.refused("taken", "a bus is called master already", "/bus/new", "master")

    def test_wrong_arguments(self):
        good = self.good
        for says, path, *args in (
                ("sound is missing", "/play"),
                ("sound must be text", "/play", 3),
                ("sound must be text", "/play", b"blob"),
                ("sound must be text", "/play", None),
                ("sound is empty", "/play", ""),
                ("gain has no value", "/play", good, "gain"),
                ("gain must be a number", "/play", good, "gain", "loud"),
                ("gain is given twice", "/play", good, "gain", 1.0, "gain", 1.0),
                ("volume is no key of /play; it takes", "/play", good, "volume", 1.0),
                ("a number is no key of /play", "/play", good, 3, 4),
                ("id must be a whole number", "/play", good, "id", 1.5),
                ("id must be a whole number", "/play", good, "id", "x"),
                ("loop must be 0 or 1", "/play", good, "loop", 0.5),
                ("bus must be text", "/play", good, "bus", 3),
                ("voices is missing", "/stop"),
                ("voices must be the number of a voice, or all", "/stop", "some"),
                ("voices must be the number of a voice, or all", "/stop", 1.5),
                ("position is missing", "/seek", 1),
                ("too many arguments: /seek takes 2", "/seek", 1, 0.0, 3),
                ("too many arguments: /ping takes 0", "/ping", 1),
                ("too many arguments: /quit takes 0", "/quit", "now"),
                ("path is missing", "/sound/load", "name"),
                ("too many arguments: /sound/load takes 2", "/sound/load", "name", good, "more"),
                ("name is missing", "/sound/unload"),
                ("name is missing", "/bus/new"),
                ("too many arguments: /bus/new takes 2", "/bus/new", "a", "master", "b"),
                ("the name is longer than 63 bytes", "/bus/new", "n" * 64),
                ("n is missing", "/sync"),
                ("n must be a whole number", "/sync", "1")):
            self.refused("bad_arguments", says, path, *args)

    def test_numbers_out_of_range(self):
        good, nan, inf = self.good, math.nan, math.inf
        for path, *args in (
                ("/play", good, "gain", 24.5), ("/play", good, "gain", -201.0), ("/play", good, "pan", 1.01),
                ("/play", good, "rate", 0.0), ("/play", good, "rate", 16.1), ("/play", good, "rate", -0.05),
                ("/play", good, "id", -1), ("/play", good, "id", ("h", 2 ** 31)), ("/play", good, "loop", 2),
                ("/play", good, "start", -0.1), ("/play", good, "loop_count", -1), ("/play", good, "fade", 3601.0),
                ("/stop", -1), ("/stop", 1, "fade", -1.0), ("/seek", 1, -1.0), ("/seek", 1, 1e9),
                ("/voice/set", 1, "gain", 1e30), ("/bus/set", "master", "width", 3), ("/bus/set", "master", "out", 65),
                ("/sync", ("h", 2 ** 40))):
            answer = self.client.call(path, *args)
            self.assertEqual(answer[:3], ["/error", path, "out_of_range"], args)
            self.assertRegex(answer[3], r"is -?[0-9.e+]+; it must be -?[0-9.]+ to [0-9.]+")
        for number in nan, inf, -inf, ("d", nan), ("d", inf):
            for path, *args in (("/play", good, "gain", number), ("/play", good, "rate", number),
                                ("/play", good, "start", number), ("/play", good, "id", number), ("/seek", 1, number),
                                ("/voice/set", 1, "pan", number), ("/bus/set", "master", "gain", number),
                                ("/stop", number), ("/stop", 1, "fade", number), ("/sync", number)):
                self.refused("out_of_range", "; it must be ", path, *args)

    def test_places_that_the_sound_does_not_have(self):
        good = self.good  # of 0.1 s
        for says, path, *args in (
                ("start is behind the end of the sound (0.100 s)", "/play", good, "start", 0.2),
                ("start is behind the end of the sound (0.100 s)", "/play", good, "start", 0.1),
                ("end is not behind start", "/play", good, "start", 0.05, "end", 0.05),
                ("end is not behind start", "/play", good, "end", 0.0),
                ("end is not before start", "/play", good, "rate", -1.0, "start", 0.01, "end", 0.05),
                ("loop_end is not behind loop_start", "/play", good, "loop", 1, "loop_start", 0.05, "loop_end", 0.05),
                ("position is 0.5 s; the sound ends at 0.100 s", "/seek", 1, 0.5),
                ("the device has 2 channels", "/bus/set", "master", "out", 2),
                ("master has no parent: out must be 1 to 2", "/bus/set", "master", "out", 0)):
            self.refused("out_of_range", says, path, *args)

    def test_numbers_of_other_types_are_taken(self):
        for value in 3, ("h", 3), 3.0, ("d", 3.0):
            self.client.do("/voice/set", 1, "gain", value)
        for value in True, False, 0, 1, 0.0, ("h", 1):
            self.client.do("/voice/set", 1, "loop", value)
        self.client.do("/voice/set", 1, "gain", 0, "loop", 1)

    def test_time_tags(self):
        self.client.send(bundle(osc("/ping"), time_tag=0xFFFFFFFF << 32))
        answer = self.client.answer("/ping")
        self.assertEqual(answer[:3], ["/error", "/ping", "unsupported"])
        self.assertIn("a time tag that lies ahead", answer[3])
        self.client.send(bundle(osc("/ping"), time_tag=5 << 32))  # long ago
        self.assertEqual(self.client.answer("/ping"), ["/done", "/ping"])
        self.client.send(bundle(osc("/ping"), bundle(osc("/sync", 7))))
        self.assertEqual(self.client.answer("/ping"), ["/done", "/ping"])
        self.assertEqual(self.client.answer("/sync"), ["/synced", 7])

    def test_more_buses_than_configured(self):
        there = self.client.status()["buses"]
        for i in range(there, 64):
            self.client.do("/bus/new", f"bus{i}")
        self.refused("refused", "refused buses 64/64", "/bus/new", "one more")
        self.assertEqual(len(self.client.buses()), 64)


class Packets(WhilePlaying):
    def broken(self, packet, says, client=None):
        client = client or self.client
        client.send(packet)
        answer = client.answer("")
        self.assertEqual(answer[:3], ["/error", "", "bad_packet"])
        self.assertIn(says, answer[3])

    def test_what_is_no_osc(self):
        for client in self.client, self.daemon.client(udp=True):
            self.broken(b"", "empty", client)
            for packet in b"\0", b"/ping", b"hello\n", b"\xff" * 1023:
                self.broken(packet, "the length is not a multiple of 4", client)
            self.broken(b"GET / HTTP/1.1\r\n", "a message's path does not e", client)
            self.broken(b"ping\0\0\0\0", "a message's path does not begin with /", client)
            self.broken(b"/pin", "a message's path does not end", client)
            self.broken(bytes(64), "a message's path does not begin with /", client)

    def test_truncated(self):
        whole = bundle(osc("/play", "some sound", "gain", 1.0, "id", 3), osc("/ping"))
        for n in set(range(1, len(whole))) - {16}:  # a bundle of nothing is one
            self.client.send(whole[:n])
            answer = self.client.wait_for(lambda m: True)
            if answer[:3] != ["/error", "", "bad_packet"]:  # a bundle may end behind an element
                self.assertEqual(n, len(whole) - len(osc("/ping")) - 4)
        self.assertEqual(self.client.status()["voices"], 1)

    def test_lying_lengths(self):
        ping = osc("/ping")
        for n in 0, 3, 5, 1000, 0x7FFFFFFF, -1, -4, -2**31:
            self.broken(b"#bundle\0" + struct.pack(">Qi", 1, n) + ping, "an element of a bundle has a wrong length"
                        if n not in (3, 5) else "the length is not a multiple of 4")
        for size in 1000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFC:
            self.broken(padded(b"/play") + padded(b",b") + struct.pack(">I", size) + b"1234",
                        "an argument is cut short or of an unknown type")
        self.broken(padded(b"/play") + padded(b",si") + padded(b"x"), "an argument is cut short")
        self.broken(padded(b"/play") + padded(b",s") + b"no end..", "an argument is cut short")
        self.broken(padded(b"/play") + padded(b",Z") + b"1234", "of an unknown type")
        self.broken(padded(b"/play") + padded(b",i") + b"12345678", "more bytes than its type tags say")
        self.broken(padded(b"/play") + b",sss", "type tags do not end")

    def test_nested_too_deep(self):
        def nested(depth):
            packet = osc("/ping")
            for _ in range(depth):
                packet = bundle(packet)
            return packet
        self.client.send(nested(8))
        self.assertEqual(self.client.answer("/ping"), ["/done", "/ping"])
        for depth in 9, 100, 3000:
            self.broken(nested(depth), "bundles are nested more than 8 deep")
        self.broken(padded(b"/ping") + padded(b"," + b"[" * 60), "arrays of a message do not match")
        self.broken(padded(b"/ping") + padded(b"," + b"]["), "arrays of a message do not match")
        self.broken(padded(b"/ping") + padded(b"," + b"[" * 20 + b"]" * 20), "arrays of a message do not match")

    def test_as_long_as_they_come(self):
        def sized(n):
            return osc("/ping", "x" * (n - 13))
        self.assertEqual(len(sized(65536)), 65536)
        self.client.send(sized(65536))
        self.assertEqual(self.client.answer("/ping")[2], "bad_arguments")
        self.broken(sized(65540), "longer than 65536 bytes")
        self.broken(b"/" * 100000, "longer than 65536 bytes")
        self.broken(b"/" * 65536, "path does not end")
        udp = self.daemon.client(udp=True)
        udp.send(sized(65504))
        self.assertEqual(udp.answer("/ping")[2], "bad_arguments")
        self.broken(osc("/ping", *[1] * 65), "more than 64 arguments")
        self.client.send(bundle(*[osc("/sync", i) for i in range(400)]))
        self.assertEqual([self.client.answer("/sync")[1] for i in range(400)], list(range(400)))

    def test_wildcards(self):
        for path in ("/*", "/?lay", "/p*", "/{play,ping}", "/[a-z]ing", "/" + "*" * 2000, "/" + "?*" * 4000 + "x",
                     "/" + "{a,b}*" * 3000, "/[", "/{", "//ping", "/" + "[!a]*" * 5000):
            answer = self.client.call(path)
            self.assertEqual(answer[:3], ["/error", path[:255], "unknown_method"])
            self.assertIn("no method has the path /", answer[3])

    def test_without_type_tags(self):
        self.client.send(padded(b"/ping"))
        self.assertEqual(self.client.answer("/ping"), ["/done", "/ping"])
        self.client.send(padded(b"/play") + padded(b"bell"))
        self.assertEqual(self.client.answer("/play")[2], "bad_arguments")

    def test_counted(self):
        before = self.client.status()
        self.client.send(b"x")
        self.client.answer("")
        after = self.client.status()
        self.assertEqual((after["bad_packets"] - before["bad_packets"], after["errors"] - before["errors"]), (1, 1))

    def test_a_sender_without_an_address(self):
        """It cannot be answered; it is served all the same."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
            nameless.connect(self.daemon.socket)
            nameless.send(osc("/bus/set", "master", "pan", 0.5))
            nameless.send(b"nonsense")
        until(lambda: self.client.buses()["master"]["pan"] == 0.5, "the pan")
        self.client.do("/bus/set", "master", "pan", 0.0)

    def test_clients_that_do_not_read(self):
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        deaf.bind(self.daemon.path("clients/deaf"))
        for client, to in ((deaf, self.daemon.socket),
                           (self.daemon.client(udp=True).socket, ("127.0.0.1", self.daemon.port))):
            for _ in range(3000):
                try:
                    client.sendto(osc("/voice/list"), socket.MSG_DONTWAIT, to)
                except BlockingIOError:
                    pass
            self.client.do("/ping")
            client.close()
        until(lambda: self.client.status()["answers_lost"] > 0, "the count of what nobody took")

    def test_noise(self):
        """Every byte of good packets replaced by others; whatever comes of it is answered or done."""
        good = bundle(osc("/sound/load", "noise", "none.wav"), osc("/bus/set", "none", "gain", -3.0, "mute", True))
        for i in range(16, len(good)):
            for byte in 0, 0x2f, 0x7f, 0xff:
                self.client.send(good[:i] + bytes([byte]) + good[i + 1:])
                self.client.wait_for(lambda m: m[0] == "/error" or m[0] == "/done")
        self.client.seen = []
        self.client.do("/sync", 1)
        self.client.seen = []


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
        self.fails(Daemon(user=NOBODY, config="[engine]\nlock_memory = yes"), "cannot lock", "RLIMIT_MEMLOCK")

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
                   "FILE:1: section [outptu]; expected [engine], [output], [control], [paths] or [bus NAME]")
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
        for words in ("--wrong",), ("word",), ("--voices",), ("--log-level", "loud"):
            result = run_chimed(*words)
            self.assertEqual(result.returncode, 2)
            self.assertIn(b"Try `chimed --help`", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
