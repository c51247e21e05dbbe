#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_decoders.py - a daemon whose decoder crashes, hangs, eats memory and lies, and files that are cut, lie or are mutated:
# each fails one load with a sentence, and what plays goes on.
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest

from harness import CHIMED, Daemon, bundle, osc, run_chimed, sine, until, wav
from playing import WhilePlaying

BAD = os.environ["CHIMED_BAD_DECODE"]
FUZZ_S, SEED = float(os.environ.get("CHIMED_FUZZ_SECONDS", 10)), int(os.environ.get("CHIMED_FUZZ_SEED", 1))
# A word in a file, and what is said of it.
SAYS = {"abort": ": the decoder crashed on this file (signal 6", "leave": "without an answer (exit code 3)",
        "frames": "answer makes no sense", "channels": "answer makes no sense", "rate": "answer makes no sense",
        "format": "answer makes no sense", "no-seals": "answer makes no sense", "nothing": "answer makes no sense",
        "error": "answer makes no sense", "brief": "answer makes no sense", "text": ": ?[31m%s%n?",
        "crash": ": the decoder crashed on this file (signal 11", "heap": ": needs more than 64 MiB of memory",
        "result": "made more samples than there is room for", "socket": "a forbidden system call",
        "exec": "a forbidden system call", "fork": "a forbidden system call", "kill": "a forbidden system call"}
NOISE = [(i * 7919 + i * i * 31) % 20001 - 10000 for i in range(6000)]


def children(pid):
    """Their ids and states; Z is one that nobody has asked about."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if entry.isdigit() and int(fields[1]) == pid:
            found[int(entry)] = fields[0]
    return found


class Watched(WhilePlaying):
    """Nothing of a load is left: no descriptor, no process but the one that waits."""

    def fds(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def setUp(self):
        super().setUp()
        self.client.call("/sound/load", "warm", self.good)
        self.client.do("/sound/unload", "warm")
        self.client.settle()
        self.n_fds = self.fds()

    def tearDown(self):
        super().tearDown()
        until(lambda: list(children(self.daemon.process.pid).values()) in (["S"], ["R"]), "one process, which waits")
        until(lambda: self.fds() <= self.n_fds, "the descriptors")


class Bad(Watched):
    ENVIRONMENT = {"CHIMED_DECODE": BAD}

    def fails(self, word, says):
        path = self.daemon.sound(f"{word}.wav", word)
        failed = self.client.status()["decoders_failed"]
        self.refused("bad_sound", says, "/sound/load", "bad", path)
        self.refused("bad_sound", path + ": ", "/play", path)
        self.assertNotIn("bad", self.client.sounds())
        self.client.do("/sound/load", "after", self.good)
        self.client.do("/sound/unload", "after")
        return self.client.status()["decoders_failed"] - failed

    def test_each(self):
        for word, says in SAYS.items():
            with self.subTest(word):
                self.assertEqual(self.fails(word, says), 0 if word in ("text", "heap") else 2)

    def test_good(self):
        self.assertEqual(self.client.do("/sound/load", "silence", self.daemon.sound("good", "good"))[1:3], [2, 100])
        self.client.do("/sound/unload", "silence")

    def test_hang(self):
        """Others wait for it, and then they are loaded."""
        self.client.do("/sound/load", "named", self.good)
        self.client.send(osc("/sound/load", "hangs", self.daemon.sound("hang.wav", "spin")))
        self.client.send(osc("/sound/load", "waits", self.good))
        other = self.daemon.client()
        for i in range(20):  # needs no worker
            other.do("/play", "named", "id", 2 + i)
        other.close()
        answer = self.client.answer("/sound/load", 60)
        self.assertEqual(answer[:3], ["/error", "/sound/load", "bad_sound"])
        self.assertIn("got nothing done on this file for 10 s", answer[3])
        self.assertEqual(self.client.answer("/sound/load")[:3], ["/done", "/sound/load", "waits"])
        self.client.do("/sound/unload", "waits")
        self.client.do("/sound/unload", "named")

    def test_wanted_room_is_nobodys_business(self):
        answer = self.client.call("/sound/load", "much", self.daemon.sound("needs.wav", "needs"))
        self.assertEqual(answer[:3], ["/error", "/sound/load", "refused"])


class Real(Watched):
    def encoded(self):
        """Files of every kind that can be had here."""
        source = self.daemon.sound("source.wav", wav(NOISE, 2, 44100))
        yield wav(NOISE), wav(NOISE, 2), wav([s / 32768 for s in NOISE], bits=-32)
        for kind, *options in (["flac"], ["ogg"], ["opus"], ["mp3"], ["aiff"], ["au"], ["w64"], ["rf64"], ["caf"],
                               ["caf", "-alac16"], ["wav", "-ima-adpcm"], ["wav", "-ms-adpcm"], ["wav", "-gsm610"],
                               ["voc"], ["sd2"], ["svx"], ["nist"], ["ircam"], ["avr"], ["pvf"], ["mat4"], ["wve"]):
            path = os.path.join(self.daemon.sounds, f"encoded.{kind}")
            if subprocess.run(["sndfile-convert", *options, source, path], check=False,
                              capture_output=True).returncode == 0:
                with open(path, "rb") as file:
                    yield (file.read(),)

    def mutate(self, data):
        data, r = bytearray(data), self.random
        for _ in range(r.randint(1, 6)):
            at = r.randrange(min(len(data), r.choice([64, 200, len(data)])))
            kind = r.randrange(5)
            if kind == 0:
                data[at] ^= 1 << r.randrange(8)
            elif kind == 1:
                data[at:at + 4] = struct.pack(r.choice("<>") + "I", r.choice([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 16]))
            elif kind == 2:
                data[at:at + 8] = data[at // 2:at // 2 + 8]
            elif kind == 3:
                data[at:at] = r.randbytes(r.randrange(20))
            else:
                del data[max(1, at):]
        return bytes(data)

    def test_mutants(self):
        self.random = random.Random(SEED)
        files = [data for some in self.encoded() for data in some]
        print(f"seed {SEED}, {len(files)} files, ", end="", flush=True)
        self.assertGreater(len(files), 15)
        end, answers = time.monotonic() + FUZZ_S, {}
        while time.monotonic() < end:
            fd = os.memfd_create("mutant")
            os.write(fd, self.mutate(self.random.choice(files)))
            answer = self.client.call("/sound/load", "mutant", "/mutant", fds=[fd])
            os.close(fd)
            code = answer[2] if answer[0] == "/error" else "ok"
            answers[code] = answers.get(code, 0) + 1
            self.assertIn(code, ("ok", "bad_sound", "unsupported", "refused"), answer)
            self.assertNotIn("forbidden", answer[3] if code != "ok" else "")
        print(answers, end=" ", flush=True)
        self.assertGreater(answers["ok"], 0)
        self.assertGreater(answers["bad_sound"], 0)
        if "mutant" in self.client.sounds():
            self.client.do("/sound/unload", "mutant")

    def test_the_one_that_waits_is_killed(self):
        for _ in range(3):
            self.client.settle()
            pid, = children(self.daemon.process.pid)
            os.kill(pid, signal.SIGKILL)
            until(lambda: set(children(self.daemon.process.pid).values()) == {"Z"}, "its end")
            self.client.do("/sound/load", "x", self.good)
        self.client.do("/sound/unload", "x")

    @staticmethod
    def is_shut_in(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return "Seccomp:\t2" in file.read()

    def test_limits_of_the_one_that_waits(self):
        self.client.settle()
        pid, = children(self.daemon.process.pid)
        until(lambda: self.is_shut_in(pid), "its filter")
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
        budget = 1 << 30  # sound_memory
        self.assertEqual(limits["Max core file size"], ["0", "0"])
        self.assertEqual(limits["Max open files"], ["6", "6"])
        self.assertEqual(limits["Max file size"][0], str(2 * budget + 4096))
        self.assertEqual(limits["Max data size"][0], str(64 << 20))
        self.assertEqual(limits["Max cpu time"], [str(10 + 2 * budget // (256 << 10)), str(11 + 2 * budget // (256 << 10))])
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
            self.assertEqual(file.read(), "1000\n")


class Ends(unittest.TestCase):
    def test_it_dies_with_its_daemon(self):
        for by in signal.SIGKILL, signal.SIGTERM:
            daemon = Daemon(environment={"CHIMED_DECODE": BAD})
            self.addCleanup(daemon.remove)
            daemon.start()
            daemon.client().send(osc("/sound/load", "hangs", daemon.sound("hang.wav", "wait")))
            time.sleep(0.5)
            pids = children(daemon.process.pid)
            self.assertEqual(list(pids.values()), ["S"])  # at work
            began = time.monotonic()
            daemon.process.send_signal(by)
            daemon.process.wait(10)
            self.assertLess(time.monotonic() - began, 5)  # the load is cancelled, not waited for
            until(lambda p=pids: not any(os.path.exists(f"/proc/{pid}") for pid in p), "their end")

    def test_no_decoder(self):
        for environment, says in ({"CHIMED_DECODE": "/no/such/decoder"}, "cannot start /no/such/decoder"), (
                {"CHIMED_DECODE": "/etc/passwd"}, "cannot start /etc/passwd"):
            daemon = Daemon(environment=environment)
            self.addCleanup(daemon.remove)
            code, said = daemon.launch().wait()
            self.assertEqual(code, 1)
            self.assertIn(says, said)
            self.assertIn("set CHIMED_DECODE to its path", said)

    def test_decoder_that_goes_away(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        path = shutil.copy(BAD, daemon.path("decoder"))
        daemon.environment["CHIMED_DECODE"] = path
        client, good = daemon.start().client(), daemon.sound("good.wav", wav(sine(480)))
        client.do("/sound/load", "a", good)
        client.settle()
        os.remove(path)  # the next process waits already
        client.do("/sound/load", "b", good)
        answer = client.call("/sound/load", "c", good)
        self.assertEqual(answer[:3], ["/error", "/sound/load", "internal"])
        self.assertIn(f"cannot start the decoder {path}", answer[3])
        self.assertIn(f"cannot start the decoder {path}", daemon.stderr())
        self.assertEqual(set(client.sounds()), {"a", "b"})
        daemon.stop()

    def test_render(self):
        with Daemon() as daemon:  # for its folder
            bad, good = daemon.sound("bad.wav", "abort"), daemon.sound("good.wav", wav(sine(480)))
            score = b"".join(struct.pack(">i", len(p)) + p for p in (
                bundle(osc("/play", bad), time_tag=0), bundle(osc("/play", good), time_tag=1 << 31)))
            out, environment = daemon.path("out.wav"), {**os.environ, "CHIMED_DECODE": BAD}
            result = run_chimed("render", "-", out, "--seconds", "1", input=score, env=environment)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"bad.wav: the decoder crashed on this file (signal 6", result.stderr)
            self.assertIn(b"1 voices started", result.stderr)
            environment["CHIMED_DECODE"] = "/no/such/decoder"
            result = run_chimed("render", "-", out, input=score, env=environment)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"cannot start /no/such/decoder", result.stderr)

    def test_daemon_is_not_linked_to_what_decodes(self):
        result = subprocess.run(["readelf", "-d", CHIMED], check=True, capture_output=True, text=True)
        self.assertNotIn("samplerate", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
