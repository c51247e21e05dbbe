#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_bad_input.py - requests and packets that are wrong are answered with a code and a sentence, and what plays
# goes on.
import contextlib
import math
import socket
import struct
import unittest

from harness import bundle, osc, padded, until
from playing import WhilePlaying


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
                            ("/voice/set", 99, "gain", 0.0), ("/stop", 2147483647), ("/stop", "some")):
            self.refused("unknown_voice", f"no voice {args[0]} is playing", path, *args)
        for path in "/", "/nothing", "/play/more", "/pla", "/PLAY", "/play ", "/x" * 1000:
            self.refused("unknown_method", f"no method has the path {path}"[:80], path)
        self.refused("taken", "voice 1 is playing", "/play", self.good, "id", 1)
        self.refused("taken", "a bus is called master already", "/bus/new", "master")

    def test_wrong_arguments(self):
        good = self.good
        for says, path, *args in (
                ("sound is missing", "/play"),
                ("sound is a number; it must be text", "/play", 3),
                ("sound is a blob; it must be text", "/play", b"blob"),
                ("sound is nil; it must be text", "/play", None),
                ("sound is empty", "/play", ""),
                ("gain has no value", "/play", good, "gain"),
                ("gain is a text; it must be a number", "/play", good, "gain", "loud"),
                ("gain is a text; it must be a number", "/play", good, "gain", "+3"),
                ("gain is the text +x; it must be a number, or a text such as +3", "/voice/set", 1, "gain", "+x"),
                ("quality is x; it must be one of: linear cubic sinc", "/play", good, "quality", "x"),
                ("curve is x; it must be one of: linear db power s", "/voice/set", 1, "curve", "x"),
                ("gain is given twice", "/play", good, "gain", 1.0, "gain", 1.0),
                ("volume is no key of /play; it takes", "/play", good, "volume", 1.0),
                ("a number is no key of /play", "/play", good, 3, 4),
                ("id is a fraction; it must be the id of a voice", "/play", good, "id", 1.5),
                ("id must be a text of 1 to 63 bytes", "/play", good, "id", "x" * 64),
                ("id must be a text of 1 to 63 bytes", "/play", good, "id", ""),
                ("loop is a fraction; it must be 0 or 1", "/play", good, "loop", 0.5),
                ("bus is a number; it must be text", "/play", good, "bus", 3),
                ("voices is missing", "/stop"),
                ("voices is a fraction; it must be the id of a voice", "/stop", 1.5),
                ("position is missing", "/seek", 1),
                ("a number is no key of /seek; it takes at immediate policy tag", "/seek", 1, 0.0, 3),
                ("too many arguments: /ping takes 0", "/ping", 1),
                ("too many arguments: /quit takes 0", "/quit", "now"),
                ("path is missing", "/sound/load", "name"),
                ("too many arguments: /sound/load takes 2", "/sound/load", "name", good, "more"),
                ("name is missing", "/sound/unload"),
                ("name is missing", "/bus/new"),
                ("too many arguments: /bus/new takes 2", "/bus/new", "a", "master", "b"),
                ("the name is longer than 63 bytes", "/bus/new", "n" * 64),
                ("n is missing", "/sync"),
                ("n is a text; it must be a whole number", "/sync", "1")):
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
        self.client.send(bundle(*[osc("/sync", i) for i in range(1000)]))
        self.assertEqual([self.client.answer("/sync")[1] for i in range(1000)], list(range(1000)))

    def test_wildcards(self):
        for path in "/[a-z]ing", "//ping", "/pin?", "/{x,p}ing", "/" + "*" * 200 + "ing":
            self.client.send(osc(path))
            self.assertEqual(self.client.receive(), ["/done", "/ping"])
        for path in "/x*", "/{x,y}", "/" + "?*" * 100 + "x":
            self.refused("unknown_method", "no method has the path " + path[:64], path)
        for path in "/" + "*" * 2000, "/" + "?*" * 4000 + "x", "/" + "{a,b}*" * 3000, "/[", "/{", "/" + "[!a]*" * 5000:
            self.broken(osc(path), "path pattern")

    def test_each_that_a_pattern_matches_answers_for_itself(self):
        self.client.send(osc("/{play,ping}"))
        self.assertEqual(self.client.receive(), ["/error", "/play", "bad_arguments", "sound is missing"])
        self.assertEqual(self.client.receive(), ["/done", "/ping"])
        self.client.send(osc("/{bus,voice,sound}/{set,unload}", "nosuch", "#9"))
        answers = {a[1]: a[2:] for a in (self.client.receive() for _ in range(3))}
        self.assertEqual({path: a[0] for path, a in answers.items()},
                         {"/bus/set": "unknown_bus", "/sound/unload": "unknown_sound", "/voice/set": "unknown_voice"})
        self.assertEqual({a[-1] for a in answers.values()}, {"#9"})
        self.client.send(osc("/{pause,resume}", "all", "at", 0.01))
        self.assertEqual([self.client.receive()[:2] for _ in range(2)], [["/done", "/pause"], ["/done", "/resume"]])

    def test_each_that_a_pattern_matches_waits_for_itself(self):
        self.client.send(osc("/{play,ping,pause}", "none.wav", "at", 0.01))  # a packet of its own waits for the load
        answers = {a[1]: a[:3] for a in (self.client.receive() for _ in range(3))}
        self.assertEqual(answers, {"/play": ["/error", "/play", "unknown_sound"], "/ping": ["/error", "/ping", "bad_arguments"],
                                   "/pause": ["/error", "/pause", "unknown_voice"]})
        self.assertIsNone(self.client.receive(0.2))

    def test_patterns_in_a_bundle(self):
        """All or none of the bundle, patterns included."""
        self.client.send(bundle(osc("/ping"), osc("/{play,ping}")))
        answers = [self.client.receive() for _ in range(3)]
        self.assertEqual([a[:3] for a in answers], [["/error", "/ping", "not_done"], ["/error", "/play", "bad_arguments"],
                                                    ["/error", "/ping", "not_done"]])

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
        over_udp = self.daemon.client(udp=True).socket

        def ask(client, to):
            for _ in range(1000):
                with contextlib.suppress(BlockingIOError):
                    client.sendto(osc("/status"), socket.MSG_DONTWAIT, to)
            self.client.do("/ping")

        def is_lost():
            ask(deaf, self.daemon.socket)
            return self.client.status()["answers_lost"] > 0
        until(is_lost, "the count of what nobody took")
        deaf.close()
        for _ in range(3):
            ask(over_udp, ("127.0.0.1", self.daemon.port))
        over_udp.close()

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


class Overload(WhilePlaying):
    """More commands than the queue to the audio thread holds, in one datagram."""

    CONFIG = "[engine]\nvoices = 16\nqueue = 64\nbuses = 200\n"

    def fill_and(self, request):
        """The answer to a request behind as many commands as it takes."""
        self.client.send(bundle(*[osc("/seek", 1, 0.0)] * 400, request))
        self.client.do("/sync", 1)
        answer = self.client.seen.pop()
        self.client.seen = []
        return answer

    def test_what_is_refused_is_not_done(self):
        self.client.do("/bus/new", "other")
        self.client.do("/bus/set", "other", "solo", 1)  # so that a new bus is silent, which takes a command
        names = (f"new{i}" for i in range(40))
        while self.fill_and(osc("/bus/new", name := next(names)))[0] != "/error":
            pass
        self.assertNotIn(name, self.client.buses())
        self.client.do("/bus/new", name)
        while self.fill_and(osc("/bus/set", "other", "solo", 0, "pan", 0.5))[0] != "/error":
            self.client.do("/bus/set", "other", "solo", 1, "pan", 0.0)
        other = self.client.buses()["other"]
        self.assertEqual((other["solo"], other["pan"]), (1, 0))
        self.client.do("/bus/set", "other", "solo", 0)

    def test_more_buses_than_the_queue_was_asked_for(self):
        for i in range(self.client.status()["buses"], 150):
            self.client.do("/bus/new", f"bus{i}")
        self.client.do("/bus/set", "bus149", "solo", 1)
        self.client.do("/sync", 1)
        self.client.do("/bus/set", "bus149", "solo", 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
