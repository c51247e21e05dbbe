#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bad_files.py - files that cannot be loaded are refused with a code and a sentence, and what plays goes on.
import os
import socket
import struct
import subprocess
import unittest

from harness import CHIMED, bundle, osc, sine, until, wav
from playing import WhilePlaying


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
        self.client.settle()
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
