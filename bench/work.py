# SPDX-License-Identifier: MIT
# work.py - what the benchmarks of the mixer share: sounds, scores, and the CPU time of programs on one core.
"""Times are CPU seconds of a whole process on one core. Start-up is taken off by running twice, short and long."""
import array
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

import common

RATE, BLOCK = 48000, 64
SHORT_S = 1  # of audio; after it every frame of the one-second sounds has been touched
LEAST_NS = 0.05  # a voice and frame costs no less: a first measurement below is noise
harness = None  # tests/harness.py, from arguments() on


def build():
    """Builds the tree for release, quietly."""
    for job in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        done = subprocess.run(job, cwd=common.ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(job)}:\n{done.stdout}{done.stderr}")


def arguments(description, add=lambda parser: None):
    """common.arguments(), after a build unless a build folder is named. More: --core."""
    def add_all(parser):
        add(parser)
        parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="to run on (the last one)")
    if not any(word.startswith("--build") or word in ("-h", "--help") for word in sys.argv[1:]):
        tell("building")
        build()
        tell("")
    options = common.arguments(description, add_all)
    global harness
    import harness as found
    harness = found
    return options


# ---- running ----

class Failed(Exception):
    """A program that was to be measured did not do its work."""


def run_pinned(command, core, **more):
    """CPU seconds, of user and system, that a command takes on one core, and what it said."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                 preexec_fn=lambda: os.sched_setaffinity(0, {core}), **more)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if child.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: left with {child.returncode}\n{text[-2000:]}")
    return usage.ru_utime + usage.ru_stime, text


class Case:
    """Something to measure. `command(seconds)` renders that much audio; `n_units` voices, or channels of voices."""

    def __init__(self, name, command, n_units, check=None):
        self.name, self.command, self.n_units, self.check = name, command, n_units, check or (lambda text: None)
        self.long_s, self.short_cpu, self.long_cpu = 4.0, [], []

    def run(self, core, seconds):
        cpu, text = run_pinned(self.command(seconds), core)
        self.check(text)
        return cpu

    def measure(self, core):
        self.run(core, SHORT_S)  # a virtual machine's host takes long to give it memory that others had before
        self.short_cpu.append(self.run(core, SHORT_S))
        self.long_cpu.append(self.run(core, SHORT_S + self.long_s))

    @property
    def results(self):
        """ns for each unit and frame, of each round. The start-up that is taken off is the median of all: loading takes
        two to four times as long now and then."""
        start_up = statistics.median(self.short_cpu)
        return [(cpu - start_up) * 1e9 / (self.n_units * self.long_s * RATE) for cpu in self.long_cpu]

    def calibrate(self, core, cpu_s):
        """Chooses the length so that what is measured takes about `cpu_s`, and three times what is taken off."""
        self.measure(core)
        self.measure(core)
        start_up, cpu = min(self.short_cpu), min(self.long_cpu)
        cost = max((cpu - start_up) / self.long_s, LEAST_NS * 1e-9 * self.n_units * RATE)  # s for a second of audio
        self.long_s, self.long_cpu = round(min(max(max(cpu_s, 3 * start_up) / cost, 2), 1000), 1), []

    def median(self):
        return statistics.median(self.results)


def run_rounds(cases, n_rounds, core, cpu_s):
    """A B C A B C: all cases in each round, so that what slows the machine for a while slows them all."""
    for case in cases:
        tell(f"calibrating: {case.name}")
        case.calibrate(core, cpu_s)
    for i in range(n_rounds):
        for case in cases:
            tell(f"round {i + 1} of {n_rounds}: {case.name}")
            case.measure(core)
    tell("")


def ratio(slow, fast):
    """How many times faster one is: the median over the rounds of the ratio within each."""
    return statistics.median(a / b for a, b in zip(slow.results, fast.results))


def tell(line):
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def show(options, title, figures, print_table):
    """As JSON or as a table, as the command line says. `figures`: a list of objects."""
    if options.json:
        json.dump({"title": title, "machine": common.machine(), "figures": figures}, sys.stdout, indent=1)
        print()
        return
    print(f"{title}\n{common.machine()}\n")
    print_table(figures)


# ---- sounds and scores ----

def noise(n_samples, seed, bits):
    """White noise at -30 dB, so that a thousand of them do not clip; whole numbers of 16 bits, or floats (-32)."""
    data = array.array("h", random.Random(seed).randbytes(2 * n_samples))
    return [s // 32 for s in data] if bits == 16 else [s / 32 / 32768 for s in data]


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def noise_files(folder, n_files, bits, channels=1, seconds=1.0):
    """`n_files` sounds, each with its own noise; their paths."""
    n = round(seconds * RATE) * channels
    return [write(folder, f"noise{bits}x{channels}-{i}.wav", harness.wav(noise(n, i, bits), channels, bits=bits))
            for i in range(n_files)]


def pan_of(i, n):
    return -1 + 2 * i / max(n - 1, 1)


def bundles(entries, n_a_bundle=200):
    """Messages packed into bundles at frame 0, as entries of score()."""
    return [(0, *entries[i:i + n_a_bundle]) for i in range(0, len(entries), n_a_bundle)]


def chimed_score(files, n_voices, *play, n_sounds=None, after=lambda i: (), before=()):
    """W1 for chimed: as many sounds as voices (or `n_sounds`), each loaded into memory of its own from one of
    `files`; every voice loops, with its own pan, at gain 0.3. `play(i)`: more words for voice i."""
    n_sounds = n_sounds or n_voices
    loads = [harness.osc("/sound/load", f"s{i}", files[i % len(files)]) for i in range(n_sounds)]
    plays = []
    for i in range(n_voices):
        words = [word for words in play for word in words(i)]
        plays.append(harness.osc("/play", f"s{i % n_sounds}", "id", i + 1, "loop", 1, "gain", -10.4576,
                                 "pan", pan_of(i, n_voices), *words))
    more = [message for i in range(n_voices) for message in after(i)]
    return harness.score(*bundles(list(before)), *bundles(loads), *bundles(plays), *bundles(more))


def no_chimed_errors(n_voices):
    """The check of a Case for `chimed render`: every voice was started, and nothing refused."""
    def check(text):
        if f" {n_voices} voices started" not in text or " 0 errors" not in text:
            raise Failed(f"chimed: expected {n_voices} voices and no errors:\n{text[-2000:]}")
    return check


class Folder:
    """A temporary folder, as a context; in memory where there is room for `n_bytes`."""

    def __init__(self, n_bytes=0):
        where = "/dev/shm"
        try:
            room = os.statvfs(where)
            if not os.access(where, os.W_OK) or room.f_bavail * room.f_frsize < 2 * n_bytes + (1 << 28):
                where = None
        except OSError:
            where = None
        self.path = tempfile.mkdtemp(prefix="chimed-bench-", dir=where)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
