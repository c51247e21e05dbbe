#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_cli.py - chime without a daemon, and against a socket that says what the test wants.
"""test_cli.py [CHIME]: the program; else from the environment, CHIME_BIN or CHIME."""
import array
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

import tree

CHIME = (sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else
         os.environ.get("CHIME_BIN") or os.environ["CHIME"])
NOWHERE = "osc.unix:///nowhere/chimed.sock"
COMMANDS = re.findall(r"^COMMAND\((\w+),", tree.read("clients/commands.def"), re.M)
OPTIONS = re.findall(r"^OPTION\((\w+), (\w+), (\w+),", tree.read("clients/commands.def"), re.M)


def chime(*words, cwd=None, **environment):
    return subprocess.run([CHIME, *words], capture_output=True, text=True, timeout=30, check=False, cwd=cwd,
                          stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], **environment})


# ---- OSC, as little as is needed ----

def pad(data):
    return data + b"\0" * (4 - len(data) % 4)


def pack(path, *values):
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + pad(value.encode())
        elif isinstance(value, float):
            tags, data = tags + "f", data + struct.pack(">f", value)
        elif isinstance(value, bool):
            tags += "T" if value else "F"
        else:
            wide = not -2**31 <= value < 2**31
            tags, data = tags + ("h" if wide else "i"), data + struct.pack(">q" if wide else ">i", value)
    return pad(path.encode()) + pad(tags.encode()) + data


def bundle(*packets):
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(p)) + p for p in packets)


def unpack(packet):
    """[path, tags, value...]"""
    def text(at):
        end = packet.index(b"\0", at)
        return packet[at:end].decode(), (end // 4 + 1) * 4
    path, at = text(0)
    tags, at = text(at)
    values = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(at)
        else:
            size, form = {"i": (4, ">i"), "f": (4, ">f"), "h": (8, ">q"), "d": (8, ">d")}[tag]
            (value,), at = struct.unpack_from(form, packet, at), at + size
        values.append(value)
    return [path, tags[1:], *values]


class Peer:
    """Stands at a socket where chimed would, keeps what comes, and answers with what `answer(message)` yields."""

    def __init__(self, answer):
        self.folder = tempfile.mkdtemp()
        self.path, self.answer = os.path.join(self.folder, "s"), answer
        self.url = f"osc.unix://{self.path}"
        self.got, self.files, self.error = [], [], None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        try:
            while True:
                data, control, _, address = self.socket.recvmsg(65536, 256)
                if not data:
                    return
                fds = array.array("i")
                for _, _, fd in control:
                    fds.frombytes(fd)
                self.got.append(unpack(data))
                for fd in fds:
                    with os.fdopen(fd, "rb") as file:
                        self.files.append(file.read())
                for packet in self.answer(self.got[-1]):
                    self.socket.sendto(packet, address)
        except Exception as error:  # seen by the test, not only by the thread
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as end:
            end.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()
        shutil.rmtree(self.folder)
        if self.error:
            raise self.error


def done(message):
    """The plainest answer to each command."""
    return [pack("/synced", message[2]) if message[0] == "/sync" else pack("/done", message[0], 1)]


class Usage(unittest.TestCase):
    def wrong(self, *words, says):
        result = chime("--url", NOWHERE, *words)
        self.assertEqual((result.returncode, result.stdout), (2, ""), words)
        self.assertIn(says, result.stderr, words)
        self.assertIn("--help", result.stderr, words)

    def test_wrong(self):
        self.wrong(says="which command")
        self.wrong("sing", says="'sing'")
        self.wrong("--loud", "play", says="--loud")
        self.wrong("play", "-x", says="'-x'")
        self.wrong("play", says="which sound")
        self.wrong("play", "a", "b", "--id", "3", says="--id")
        self.wrong("play", "a", "--wait=3", says="no value")
        self.wrong("play", "a", "--gain", says="wants a value")
        self.wrong("play", "a", "--gain", "-1", "--gain=-2", says="twice")
        self.wrong("play", "a", "--bus", "x", "--to", "3", says="--to")
        self.wrong("stop", "3.5", says="'3.5'")
        self.wrong("stop", "x" * 64, says="63 bytes")
        self.wrong("play", "a", "--id", "-1", says="'-1'")
        self.wrong("stop", "3", "--bus", "music", says="--bus")
        self.wrong("fade", "3", says="seconds")
        self.wrong("fade", "-3", "1", says="'-3'")
        self.wrong("fade", "3", "soon", says="'soon'")
        self.wrong("seek", "2147483648", "1", says="'2147483648'")
        self.wrong("seek", "bell", "+soon", says="'+soon'")
        self.wrong("set", "3", says="what to set")
        self.wrong("set", "bell", "gain", says="gain to what")
        self.wrong("set", "-3", "gain", "1", says="'-3'")
        self.wrong("clear", "1", "2", says="one voice, one tag")
        self.wrong("time", "now", says="'now'")
        self.wrong("dump", "x.osc", says="'x.osc'")
        self.wrong("restore", says="wants the file")
        self.wrong("set", "3", "--loop", "yes", says="on or off")
        self.wrong("load", says="wants a file")
        self.wrong("load", "a", "b", "c", says="wants a file")
        self.wrong("load", "/", "name", says="folder")
        self.wrong("unload", says="which sound")
        self.wrong("list", "buses", says="sounds or voices")
        self.wrong("bus", "old", says="'old'")
        self.wrong("bus", "new", says="name")
        self.wrong("bus", "new", "a", "--gain", "1", says="set")
        self.wrong("bus", "set", "a", says="what to set")
        self.wrong("status", "now", says="'now'")
        self.wrong("memory", "now", says="'now'")
        self.wrong("memory", "--watch=1", says="no value")
        self.wrong("watch", "me", says="'me'")
        self.wrong("send", says="which path")
        self.wrong("send", "play", says="'play'")
        self.wrong("send", "/x", "i:1.5", says="'1.5'")
        self.wrong("send", "/x", "i:2147483648", says="32 bits")
        self.wrong("send", "/x", "f:", says="no number")
        self.wrong("ping", "--timeout", "-1", says="--timeout")
        self.wrong("ping", "--timeout", "soon", says="--timeout")
        self.wrong("ping", "--url", "http://x/", says="http://x/")

    def test_bad_numbers(self):
        for command, option, kind in OPTIONS:
            if kind in ("NUMBER", "INTEGER", "CHANGE"):
                for value in "", "x", "1x", "nan", "inf", "1e999", "0x10", " 1", "--wait":
                    self.wrong(command, "1", f"--{option.replace('_', '-')}={value}", says=f"'{value}'")

    def test_url_of_environment(self):
        result = chime("ping", CHIME_URL="nonsense")
        self.assertEqual(result.returncode, 2)
        self.assertIn("'nonsense'", result.stderr)

    def test_help(self):
        result = chime("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for command in COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command}\s")
            of_command = chime(command, "--help")
            self.assertEqual((of_command.returncode, of_command.stderr), (0, ""), command)
            self.assertTrue(of_command.stdout.startswith(f"usage: chime {command} "), command)
            for of, option, _ in OPTIONS:
                if of == command:
                    self.assertRegex(of_command.stdout, rf"(?m)^  --{option.replace('_', '-')}[ ]", command)
        self.assertEqual(chime("play", "-h").stdout, chime("--help", "play").stdout)

    def test_version(self):
        for option in "--version", "-V":
            self.assertRegex(chime(option).stdout, r"\Achime \d+\.\d+\.\d+\n\Z")

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(subprocess.run([CHIME, "--help"], stdout=full, stderr=subprocess.PIPE).returncode, 1)


class NoDaemon(unittest.TestCase):
    WORDS = {"play": ["bell"], "fade": ["1", "2"], "seek": ["1", "2"], "set": ["1", "--gain", "2"],
             "load": ["/usr/share/sounds/x.wav"], "unload": ["bell"], "send": ["/ping"], "restore": ["/none"],
             "bench": ["latency"]}

    def check(self, result):
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("systemctl start chimed", result.stderr)
        self.assertIn("chimed --backend auto &", result.stderr)

    def test_every_command(self):
        for command in COMMANDS:
            if command == "doctor":  # goes on without one
                continue
            with self.subTest(command):
                self.check(chime("--url", NOWHERE, command, *self.WORDS.get(command, [])))

    def test_dead_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/chimed")
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as dead:
                dead.bind(folder + "/chimed/chimed.sock")
            result = chime("ping", XDG_RUNTIME_DIR=folder)
            self.check(result)
            self.assertIn(folder + "/chimed/chimed.sock", result.stderr)

    def test_udp(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
            silent.bind(("127.0.0.1", 0))
            url = f"osc.udp://127.0.0.1:{silent.getsockname()[1]}/"
            self.check(chime("--url", url, "ping", "--timeout", "0.1"))
        self.check(chime("--url", url, "ping", "--timeout", "5"))  # closed now: the kernel says so

    def test_json(self):
        result = chime("--url", NOWHERE, "--json", "ping")
        self.assertEqual(result.returncode, 3)
        self.assertEqual(json.loads(result.stdout)["error"], "no_daemon")

    def test_silent_daemon(self):
        with Peer(lambda _: []) as peer:
            result = chime("--url", peer.url, "ping", "--timeout", "0.1")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("no answer in time", result.stderr)
        self.assertNotIn("systemctl", result.stderr)  # it runs


class Sent(unittest.TestCase):
    """What goes out for each command line."""

    def sent(self, *words, cwd=None):
        with Peer(done) as peer:
            result = chime("--url", peer.url, *words, cwd=cwd)
        self.assertEqual((result.returncode, result.stderr), (0, ""), words)
        self.files = peer.files
        return peer.got

    def test_play(self):
        self.assertEqual(self.sent("play", "bell"), [["/play", "s", "bell"]])
        self.assertEqual(self.sent("play", "a", "b"), [["/play", "s", "a"], ["/play", "s", "b"]])
        self.assertEqual(self.sent("play", "bell", "--gain", "-6", "--pan=0.25", "--loop", "--fade-out", "2", "--bus", "--x"),
                         [["/play", "ssisisfsssi", "bell", "loop", 1, "gain", -6, "pan", 0.25, "bus", "--x", "fade_out", 2]])

    def test_play_file(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            os.mkdir(folder + "/sub")
            os.mkfifo(folder + "/pipe")
            for name in "bell", "sub/it.wav":
                with open(f"{folder}/{name}", "w") as file:
                    file.write(name)
            self.assertEqual(self.sent("play", "bell", cwd=folder), [["/play", "s", folder + "/bell"]])
            self.assertEqual(self.files, [b"bell"])
            self.assertEqual(self.sent("play", "sub/../sub/it.wav", cwd=folder), [["/play", "s", folder + "/sub/it.wav"]])
            self.assertEqual(self.files, [b"sub/it.wav"])
            # What is there, but no file, is a name without a slash and a refusal with one.
            self.assertEqual(self.sent("play", "sub", cwd=folder), [["/play", "s", "sub"]])
            self.assertEqual(self.sent("play", "birds/robin", cwd=folder), [["/play", "s", "birds/robin"]])
            self.assertEqual(self.files, [])
            for name, says in ("./sub", "a folder"), ("./pipe", "no regular file"):
                result = chime("play", name, cwd=folder, CHIME_URL=NOWHERE)
                self.assertEqual(result.returncode, 1)
                self.assertIn(says, result.stderr)

    def test_voices(self):
        for command in "stop", "pause", "resume":
            self.assertEqual(self.sent(command), [["/" + command, "s", "all"]])
            self.assertEqual(self.sent(command, "all", "--fade", "0.5"), [["/" + command, "ssf", "all", "fade", 0.5]])
            self.assertEqual(self.sent(command, "3", "4"), [["/" + command, "i", 3], ["/" + command, "i", 4]])
        self.assertEqual(self.sent("stop", "--bus", "m", "--sound", "s"), [["/stop", "sssss", "all", "bus", "m", "sound", "s"]])
        self.assertEqual(self.sent("fade", "7", "2"), [["/stop", "isf", 7, "fade", 2.0]])
        self.assertEqual(self.sent("fade", "7", "2", "--to", "-12"), [["/voice/set", "isfsf", 7, "gain", -12.0, "ramp", 2.0]])
        self.assertEqual(self.sent("seek", "7", "1.5"), [["/seek", "if", 7, 1.5]])
        self.assertEqual(self.sent("set", "7", "--loop", "off", "--rate", "-1"), [["/voice/set", "isisi", 7, "rate", -1, "loop", 0]])

    def test_names_and_changes(self):
        self.assertEqual(self.sent("play", "s", "--id", "bell"), [["/play", "sss", "s", "id", "bell"]])
        self.assertEqual(self.sent("stop", "bell", "4"), [["/stop", "s", "bell"], ["/stop", "i", 4]])
        self.assertEqual(self.sent("fade", "bell", "2"), [["/stop", "ssf", "bell", "fade", 2.0]])
        for word, tag, value in (("+3", "s", "+3"), ("+-3", "s", "-3"), ("-3", "i", -3), ("0.5", "f", 0.5), ("+0.25", "s", "+0.25")):
            self.assertEqual(self.sent("set", "bell", "gain", word), [["/voice/set", "ss" + tag, "bell", "gain", value]])
            self.assertEqual(self.sent("set", "bell", f"--gain={word}"), [["/voice/set", "ss" + tag, "bell", "gain", value]])
            self.assertEqual(self.sent("bus", "set", "m", "pan", word), [["/bus/set", "ss" + tag, "m", "pan", value]])
            self.assertEqual(self.sent("seek", "bell", word), [["/seek", "s" + tag, "bell", value]])
        self.assertEqual(self.sent("set", "7", "--curve", "db", "gain", "-6", "loop", "off", "quality", "sinc"),
                         [["/voice/set", "isssisiss", 7, "curve", "db", "gain", -6, "loop", 0, "quality", "sinc"]])
        self.assertEqual(self.sent("clear"), [["/clear", "s", "all"]])
        self.assertEqual(self.sent("clear", "bell"), [["/clear", "s", "bell"]])
        self.assertEqual(self.sent("clear", "7"), [["/clear", "i", 7]])

    def test_buses(self):
        self.assertEqual(self.sent("bus", "new", "a"), [["/bus/new", "s", "a"]])
        self.assertEqual(self.sent("bus", "new", "a", "b"), [["/bus/new", "ss", "a", "b"]])
        self.assertEqual(self.sent("bus", "set", "a", "--mute", "on", "--out", "3"), [["/bus/set", "ssisi", "a", "mute", 1, "out", 3]])

    def test_plain(self):
        self.assertEqual(self.sent("sync"), [["/sync", "i", 1]])
        for command in "dump", "memory", "ping", "quit", "status", "time":
            self.assertEqual(self.sent(command), [["/" + command, ""]])
        self.assertEqual(self.sent("unload", "a", "b"), [["/sound/unload", "s", "a"], ["/sound/unload", "s", "b"]])
        self.assertEqual(self.sent("list"), [["/sound/list", ""], ["/voice/list", ""]])
        self.assertEqual(self.sent("list", "voices"), [["/voice/list", ""]])
        self.assertEqual(self.sent("bus"), [["/bus/list", ""]])

    def test_send(self):
        words = "1 -2 0.5 -1e3 word 1x s:3 i:4 f:5 h:6 d:0.5 3000000000 --json - nan x:y".split()
        got = self.sent("send", "/any/path", *words, "", "two words")
        self.assertEqual(got, [["/any/path", "iiffsssifhdfssssss", 1, -2, 0.5, -1000.0, "word", "1x", "3", 4, 5.0, 6, 0.5,
                                3e9, "--json", "-", "nan", "x:y", "", "two words"]])

    def test_load(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            for name in "b.wav", "a.tar.FLAC", "notes.txt", ".hidden.wav", "c.ogg":
                with open(f"{folder}/{name}", "w") as file:
                    file.write(name)
            os.mkdir(folder + "/d.wav")
            wanted = [["/sound/load", "ss", name, f"{folder}/{file}"]
                      for name, file in (("a.tar", "a.tar.FLAC"), ("b", "b.wav"), ("c", "c.ogg"))]
            self.assertEqual(self.sent("load", folder), wanted)
            self.assertEqual(self.files, [b"a.tar.FLAC", b"b.wav", b"c.ogg"])
            self.assertEqual(self.sent("load", "b.wav", cwd=folder), wanted[1:2])
            self.assertEqual(self.sent("load", ".hidden.wav", "me", cwd=folder),
                             [["/sound/load", "ss", "me", folder + "/.hidden.wav"]])
            result = chime("load", "nosuch.wav", cwd=folder, CHIME_URL=NOWHERE)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("No such file", result.stderr)
        self.assertEqual(self.sent("load", "/no/such.wav"), [["/sound/load", "ss", "such", "/no/such.wav"]])

    def test_udp_sends_the_path_only(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
            peer.bind(("127.0.0.1", 0))
            url = f"osc.udp://127.0.0.1:{peer.getsockname()[1]}/"
            result = chime("--url", url, "play", __file__, "--timeout", "0.1")
            self.assertEqual(result.returncode, 3)
            self.assertEqual(unpack(peer.recv(65536)), ["/play", "s", os.path.realpath(__file__)])


class Answers(unittest.TestCase):
    """What is made of answers."""

    def run_with(self, packets, *words):
        with Peer(lambda _: packets) as peer:
            return chime("--url", peer.url, *words)

    def test_refused(self):
        error = pack("/error", "/play", "unknown_sound", "no bell here")
        result = self.run_with([error], "play", "bell")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "chime: bell: no bell here (unknown_sound)\n")
        result = self.run_with([error], "--json", "play", "bell")
        self.assertEqual(json.loads(result.stdout), {"error": "unknown_sound", "path": "/play", "of": "bell", "text": "no bell here"})

    def test_one_of_many_refused(self):
        def answer(message):
            bad = message[2] == "bad"
            return [pack("/error", "/play", "unknown_sound", "no") if bad else pack("/done", "/play", 5)]
        with Peer(answer) as peer:
            result = chime("--url", peer.url, "play", "good", "bad", "good")
        self.assertEqual((result.returncode, result.stdout), (1, "5\n5\n"))

    def test_lists(self):
        sounds = [pack("/sound/info", f"s{i}", 2, 3 * 2**40, 48000, "int16", 5 * 2**30, 0, "ready", 44100) for i in range(40)]
        answer = [bundle(*sounds[:20], bundle(*sounds[20:])), b"junk", pack("/done", "/sound/list", 40)]
        lines = self.run_with(answer, "list", "sounds").stdout.splitlines()
        self.assertEqual(len(lines), 41)
        self.assertEqual(lines[40].split(), ["s39", "2", "3298534883328", "48000", "int16", "5.0", "GiB", "0", "ready", "44100"])
        listed = json.loads(self.run_with(answer, "list", "sounds", "--json").stdout)["sounds"]
        self.assertEqual(len(listed), 40)
        self.assertEqual(listed[0], {"name": "s0", "channels": 2, "frames": 3 * 2**40, "rate": 48000, "format": "int16",
                                     "bytes": 5 * 2**30, "n_voices": 0, "state": "ready", "file_rate": 44100})

    def test_columns_are_those_of_the_table(self):
        table = tree.read("engine/osc/api.def").replace('"\n', "").replace('       "', "")
        for item, method, key, *words in (("/sound/info", "/sound/list", "sounds", "list", "sounds"),
                                          ("/voice/info", "/voice/list", "voices", "list", "voices"),
                                          ("/bus/info", "/bus/list", "buses", "bus"),
                                          ("/memory/region", "/memory", "regions", "memory"),
                                          ("/memory/pool", "/memory", "pools", "memory")):
            columns = re.search(rf"one {item} ([a-z_ ]+) for each", table).group(1).split()
            values = ["x"] * len(columns)
            answer = [pack(item, *values), pack("/done", method)]
            listed = json.loads(self.run_with(answer, *words, "--json").stdout)
            self.assertEqual(list(listed[key][0]), columns)

    def test_names_cannot_drive_the_terminal(self):
        answer = [pack("/status/info", "name", "a\x1b[2Jb\nc"), pack("/done", "/status", 1)]
        self.assertNotIn("\x1b", self.run_with(answer, "status").stdout)
        self.assertEqual(len(self.run_with(answer, "status").stdout.splitlines()), 1)
        self.assertEqual(json.loads(self.run_with(answer, "status", "--json").stdout), {"name": "a\x1b[2Jb\nc"})

    def test_json_numbers(self):
        answer = [bundle(pack("/status/info", "f", 0.1, "i", 7, "h", 2**40), pack("/status/info", "s", "x")),
                  pack("/status/info", "inf", float("-inf")), pack("/done", "/status", 5)]
        self.assertEqual(json.loads(self.run_with(answer, "status", "--json").stdout),
                         {"f": 0.1, "i": 7, "h": 2**40, "s": "x", "inf": None})

    def test_time(self):
        answer = [pack("/done", "/time", 48000, 1.5, 47999.5, -10.4, 256, 512, 3, 4096)]
        names = ["frame", "ntp", "rate", "rate_ppm", "period", "latency", "scheduled", "scheduled_max"]
        shown = [line.split() for line in self.run_with(answer, "time").stdout.splitlines()]
        self.assertEqual([row[0] for row in shown], names)
        self.assertEqual((shown[0][1], shown[2][1], shown[7][1]), ("48000", "47999.500000", "4096"))
        self.assertEqual(list(json.loads(self.run_with(answer, "time", "--json").stdout)), names)

    def test_send(self):
        answer = [pack("/item", 1, 0.5, "two words"), pack("/done", "/x")]
        result = self.run_with(answer, "send", "/x")
        self.assertEqual((result.returncode, result.stdout), (0, '/item 1 0.5 "two words"\n/done /x\n'))
        result = self.run_with([pack("/error", "/x", "unknown_method", "no")], "send", "/x")
        self.assertEqual((result.returncode, result.stdout), (1, ""))

    def test_watch(self):
        def answer(message):
            if message[0] == "/status":
                return [pack("/status/info", "voices", 3, "load", 0.125), pack("/status/info", "xruns", 2, "clipped", 0),
                        pack("/done", "/status", 4)]
            return [pack("/bus/info", "master", "", 0.0, 0.0, 0, 0, 1, 2, -6.0, -7.0, -9.0, -10.0), pack("/done", "/bus/list", 1)]
        for words, check in ((), lambda line: self.assertEqual(line, "voices 3  load 12.5 %  xruns 2  | master -6.0 -7.0\n")), \
                            (("--json",), lambda line: self.assertEqual(json.loads(line)["buses"][0]["peak_left"], -6)):
            with Peer(answer) as peer:
                with subprocess.Popen([CHIME, "--url", peer.url, "watch", *words], stdout=subprocess.PIPE, text=True) as watch:
                    check(watch.stdout.readline())
                    watch.send_signal(signal.SIGINT)
                    watch.stdout.read()
                    self.assertEqual(watch.wait(10), 0)

    MEMORY = [bundle(pack("/memory/region", "voices", 4 * 2**20, 2**20, 2 * 2**20, 3 * 2**20, 0, 512),
                     pack("/memory/region", "sounds", 2**40, 2**33, 1, 2**40 - 1, 7, 0)),
              pack("/memory/region", "e\x1b[2Jsc", 1024, 0, 0, 0, 0, 0),
              pack("/memory/pool", "small", 64, 64, 64, 2), pack("/memory/pool", "none", 0, 0, 0, 0),
              pack("/done", "/memory", "store_free", 3 * 2**30, "fragmentation", 0.25, "rt_page_faults", 0)]

    def test_memory(self):
        result = self.run_with(self.MEMORY, "memory")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual([" ".join(line.split()) for line in lines], [
            "region # used, - highest used high budget refused committed locked",
            "voices " + "#" * 10 + "-" * 5 + "." * 5 + " 2.0 MiB 3.0 MiB 4.0 MiB 0 1.0 MiB 512 B",
            # Only what is empty has no cell, and only what is full has all.
            "sounds #" + "-" * 18 + ". 1 B 1.0 TiB 1.0 TiB 7 8.0 GiB 0 B",
            "e?[2Jsc " + "." * 20 + " 0 B 0 B 1.0 KiB 0 0 B 0 B",
            "",
            "pool used high blocks refused",
            "small " + "#" * 20 + " 64 64 64 2",
            "none " + "." * 20 + " 0 0 0 0",
            "",
            "store_free 3221225472", "fragmentation 0.25", "rt_page_faults 0"])
        self.assertEqual(len({len(line) for line in lines[:4]}), 1)  # columns stand below each other

    def test_memory_json(self):
        seen = json.loads(self.run_with(self.MEMORY, "memory", "--json").stdout)
        self.assertEqual(list(seen), ["regions", "pools", "store_free", "fragmentation", "rt_page_faults"])
        self.assertEqual(seen["regions"][1], {"name": "sounds", "budget": 2**40, "committed": 2**33, "used": 1,
                                              "high": 2**40 - 1, "refused": 7, "locked": 0})
        self.assertEqual(seen["pools"][0], {"name": "small", "used": 64, "total": 64, "high": 64, "refused": 2})
        self.assertEqual((len(seen["regions"]), len(seen["pools"]), seen["fragmentation"]), (3, 2, 0.25))

    def test_memory_refused(self):
        for words in (), ("--watch",):
            result = self.run_with([pack("/error", "/memory", "unknown_method", "no")], "memory", *words)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", "chime: memory: no (unknown_method)\n"))

    def test_memory_watch(self):
        """No terminal: one table, or object, after the other."""
        for words, start in ((), "region"), (("--json",), '{"regions"'):
            with Peer(lambda _: self.MEMORY) as peer:
                with subprocess.Popen([CHIME, "--url", peer.url, "memory", "--watch", *words], stdout=subprocess.PIPE,
                                      text=True) as watch:
                    n = 0
                    while n < 2:
                        n += watch.stdout.readline().startswith(start)
                    watch.send_signal(signal.SIGTERM)
                    watch.stdout.read()
                    self.assertEqual(watch.wait(10), 0)
            self.assertEqual(peer.got[:2], [["/memory", ""]] * 2)

    def on_terminal(self, answer, *words, rows=24):
        """What the program writes to a terminal, over three pictures: one screen, taken back at the end."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        with Peer(answer) as peer:
            with subprocess.Popen([CHIME, "--url", peer.url, *words], stdout=slave, stderr=slave) as watch:
                os.close(slave)
                seen = b""
                while seen.count(b"\x1b[H") < 3:
                    seen += os.read(master, 65536)
                watch.send_signal(signal.SIGINT)
                with contextlib.suppress(OSError):  # how the other end of a terminal says goodbye
                    while True:
                        seen += os.read(master, 65536)
                self.assertEqual(watch.wait(10), 0)
        os.close(master)
        self.assertTrue(seen.startswith(b"\x1b[?1049h\x1b[?25l\x1b[?7l") and seen.endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l"))
        return seen

    STATUS = [pack("/status/info", "version", "0.1", "uptime", 7300.0, "pid", 7, "health", "degraded", "health_why", "for a test"),
              pack("/status/info", "backend", "jack", "device", "system", "rate", 48000, "period", 64, "latency", 128),
              pack("/status/info", "xruns", 3, "xruns_late", 3, "load", 0.125, "load_worst", 0.5, "voices", 3, "voices_max", 16),
              pack("/status/info", "sound_bytes", 2**20, "sound_bytes_max", 2**30, "packets", 9, "new_things_lost", 4, "late", 0),
              pack("/done", "/status", 20)]

    def test_status_on_a_terminal(self):
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        with Peer(lambda _: self.STATUS) as peer:
            self.assertEqual(subprocess.run([CHIME, "--url", peer.url, "status"], stdout=slave, check=False).returncode, 10)
            os.close(slave)
            seen = b""
            with contextlib.suppress(OSError):
                while piece := os.read(master, 65536):
                    seen += piece
        os.close(master)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).splitlines()
        self.assertLess(len(lines), 16)
        self.assertEqual([line for line in lines if len(line) > 80], [])
        shown = "\n".join(lines)
        self.assertTrue(shown.startswith("degraded    chimed 0.1, up 2 h, process 7"), shown)
        for words in ("for a test", "jack, system  48000 Hz", "period 64 frames (1.3 ms)", "12.5 % on average, 50.0 % at worst",
                      "voices 3 of 16", "samples 1.0 MiB of 1.0 GiB", "packets 9", "xruns_late 3", "new_things_lost 4", "--all"):
            self.assertIn(words, shown)
        self.assertNotIn("late 0", shown)
        self.assertIn(b"\x1b[33mdegraded", seen)
        lines = self.run_with(self.STATUS, "status").stdout.splitlines()  # no terminal: for programs
        self.assertEqual(len(lines), 21)
        self.assertIn("xruns_late         3", lines)

    def test_status_draws(self):
        seen = self.on_terminal(lambda _: self.STATUS, "status", "--watch")
        self.assertIn(b"degraded", seen)
        seen = self.on_terminal(lambda _: self.STATUS, "status", "--watch", rows=4).split(b"\x1b[H")[1]
        self.assertEqual(seen.count(b"\n"), 3)

    def test_watch_draws(self):
        def answer(message):
            if message[0] == "/status":
                return [pack("/status/info", "voices", 3), pack("/done", "/status", 1)]
            return [pack("/bus/info", "master", "", 0.0, 0.0, 0, 0, 1, 2, -0.5, -30.0, -6.0, -40.0), pack("/done", "/bus/list", 1)]
        seen = self.on_terminal(answer, "watch")
        self.assertIn(b"master", seen)
        self.assertRegex(seen, rb"\x1b\[31m#+-* *\x1b\[0m  -0.5")

    def test_memory_draws(self):
        seen = self.on_terminal(lambda _: self.MEMORY, "memory", "--watch")
        self.assertRegex(seen, rb"voices +\x1b\[32m#{10}-{5}\.{5}\x1b\[0m")
        self.assertRegex(seen, rb"sounds +\x1b\[31m#-{18}\.\x1b\[0m")  # red: it refused
        self.assertIn(b"rt_page_faults", seen)

    def test_memory_draws_what_fits(self):
        picture = self.on_terminal(lambda _: self.MEMORY, "memory", "--watch", rows=3).split(b"\x1b[H")[1]
        self.assertEqual(picture.count(b"\n"), 2)
        self.assertIn(b"sounds", picture)
        self.assertNotIn(b"sc ", picture)


class Waiting(unittest.TestCase):
    def test_ends(self):
        """Whatever the order: the end of a short sound may come before the answer to its /play."""
        started = iter((11, 12))

        def answer(message):
            i = next(started)
            ended = pack("/ended", i, "finished")
            done_ = pack("/done", "/play", i)
            self.assertEqual(message[3:], ["notify", 1])
            return [ended, pack("/started", i), done_] if i == 11 else [done_, pack("/started", i), ended]
        with Peer(answer) as peer:
            result = chime("--url", peer.url, "play", "--wait", "--json", "a", "b")
        self.assertEqual(result.returncode, 0)
        events = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(sorted((e["event"], e["id"]) for e in events),
                         [("ended", 11), ("ended", 12), ("started", 11), ("started", 12)])

    def test_interrupt(self):
        with Peer(done) as peer:
            with subprocess.Popen([CHIME, "--url", peer.url, "play", "--wait", "a"], stdout=subprocess.PIPE, text=True) as play:
                self.assertEqual(play.stdout.readline(), "1\n")
                play.send_signal(signal.SIGINT)
                self.assertEqual(play.wait(10), 130)
        stop = peer.got[-1]
        self.assertEqual(stop[:4], ["/stop", "isf", 1, "fade"])
        self.assertTrue(0 < stop[4] < 0.5)

    def test_daemon_dies(self):
        peer = Peer(done)
        peer.thread.start()
        with subprocess.Popen([CHIME, "--url", peer.url, "play", "--wait", "a"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as play:
            self.assertEqual(play.stdout.readline(), "1\n")
            peer.__exit__()
            self.assertEqual(play.wait(20), 3)
            self.assertIn("systemctl", play.stderr.read())


if __name__ == "__main__":
    unittest.main()
