#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_render.py - chimed render: the same engine offline, where every sample can be looked at.
import math
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from harness import CHIMED, Wav, bundle, osc, run_chimed, samples_bytes, score, sine, wav

RATE = 48000
DECLICK = RATE * 5 // 1000  # frames; [engine] ramp
MONO_LEVEL = math.cos(math.pi / 4)  # each side of a mono sound at pan 0


class Render(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chimed-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_score(self, data, *options, out="out.wav", **more):
        return run_chimed("render", self.write("score.osc", data), self.path(out), *options, **more)

    def render(self, *entries, frames=None, options=(), out="out.wav"):
        """What a score comes to, as a Wav. Each entry is (frame, message...)."""
        if frames:
            options = ("--seconds", repr(frames / RATE), *options)
        result = self.run_score(score(*entries), *options, out=out)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        rendered = Wav(self.path(out))
        if frames:
            self.assertEqual(rendered.n_frames, frames)
        return rendered

    def mono(self, samples, name="mono.wav", **more):
        return self.write(name, wav(samples, 1, **more))

    def float_mono(self, samples, name="float.wav"):
        """At gain 0 and hard left, a float sound comes out of a float render as it is."""
        return self.mono([s / 32768 for s in samples], name, bits=-32)

    def left(self, *entries, frames):
        """The left channel in 16-bit steps, of a float render."""
        return [s * 32768 for s in self.render(*entries, frames=frames, options=("--format", "f32")).channels[0]]


NOISE = [(i * 7919 + i * i * 31) % 20001 - 10000 for i in range(3000)]


class Exact(Render):
    def busy_score(self):
        """Everything that a block's length could touch: odd frames, ramps, loops, rates, buses."""
        sound = self.write("stereo.wav", wav([v for s in sine(9000, 440) for v in (s, -s // 2)], 2))
        other = self.mono(sine(5000, 300, 44100), "other.wav", rate=44100)
        return score(
            (0, osc("/sound/load", "a", sound), osc("/sound/load", "b", other), osc("/bus/new", "music")),
            (1, osc("/play", "a", "id", 1, "loop", 1, "gain", -12.0)),
            (777, osc("/play", "b", "id", 2, "rate", 1.2345, "loop", 1, "bus", "music", "gain", -9.0, "pan", 0.3)),
            (1000, osc("/bus/set", "music", "gain", -3.0, "ramp", 0.0777),
             osc("/voice/set", 1, "pan", -0.5, "ramp", 0.1)),
            (1234, osc("/play", "a", "id", 3, "rate", -0.77, "fade", 0.033)),
            (5001, osc("/seek", 1, 0.01), osc("/pause", 2)),
            (7003, osc("/resume", 2, "fade", 0.02), osc("/voice/set", 2, "rate", -2.5)),
            (9999, osc("/stop", "all", "fade", 0.05)),
            (14000,))

    def bytes_of(self, data, *options):
        result = self.run_score(data, *options)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        with open(self.path("out.wav"), "rb") as file:
            return file.read()

    def test_two_runs_are_the_same(self):
        data = self.busy_score()
        first = self.bytes_of(data)
        self.assertEqual(first, self.bytes_of(data))
        self.assertGreater(max(Wav(self.path("out.wav")).channels[0]), 1000)

    def test_every_block_size_gives_the_same(self):
        data = self.busy_score()
        for form in "s16", "f32":
            wanted = self.bytes_of(data, "--format", form)
            for block in 1, 17, 64, 128, 256, 1024, 8192:
                with self.subTest(block=block, form=form):
                    self.assertTrue(wanted == self.bytes_of(data, "--format", form, "--block", block))

    def test_stereo_passes_bit_exactly(self):
        left, right = NOISE, [32767, -32768, *reversed(NOISE[2:])]
        sound = self.write("s.wav", wav([v for pair in zip(left, right) for v in pair], 2))
        rendered = self.render((100, osc("/play", sound)), frames=3200)
        silence = [0] * 100
        self.assertEqual(rendered.channels, [silence + left + silence, silence + right + silence])

    def test_formats(self):
        samples = [v for s in NOISE for v in (s, -s)]
        sound = self.write("s.wav", wav(samples, 2))
        for form, bits, scale in ("s16", 16, 1), ("s24", 24, 256), ("f32", -32, 1 / 32768):
            with self.subTest(form):
                rendered = self.render((0, osc("/play", sound)), frames=3000, options=("--format", form))
                self.assertEqual((rendered.bits, rendered.rate), (bits, RATE))
                self.assertEqual(rendered.channels[1], [-s * scale for s in NOISE])

    def test_mono_reaches_both_sides(self):
        rendered = self.render((0, osc("/play", self.float_mono(NOISE))), frames=3000, options=("--format", "f32"))
        for channel in rendered.channels:
            for got, sample in zip(channel, NOISE):
                self.assertAlmostEqual(got, sample / 32768 * 0.70710678, delta=1e-7)

    def test_pan_is_equal_power(self):
        sound = self.mono([20000] * 100)
        for pan in -1.0, -0.5, 0.25, 1.0:
            rendered = self.render((0, osc("/play", sound, "pan", pan)), frames=50, options=("--format", "f32"))
            left, right = rendered.channels[0][20], rendered.channels[1][20]
            self.assertAlmostEqual(math.hypot(left, right), 20000 / 32768, delta=1e-6)
            self.assertAlmostEqual(math.atan2(right, left), (pan + 1) * math.pi / 4, delta=1e-6)

    def test_gain_is_in_db(self):
        sound = self.write("s.wav", wav([10000] * 200, 2))
        for gain in -40.0, -6.0, 6.0:
            rendered = self.render((0, osc("/play", sound, "gain", gain)), frames=50, options=("--format", "f32"))
            self.assertAlmostEqual(rendered.channels[0][0], 10000 / 32768 * 10 ** (gain / 20), delta=1e-6)

    def test_clips_hard_and_says_so(self):
        sound = self.write("s.wav", wav([30000, -30000] * 100, 2))
        result = self.run_score(score((0, osc("/play", sound), osc("/play", sound))), "--seconds", "0.01")
        self.assertEqual(set(Wav(self.path("out.wav")).channels[0][:100]), {32767})
        self.assertEqual(set(Wav(self.path("out.wav")).channels[1][:100]), {-32768})
        self.assertIn(b"200 clipped samples", result.stderr)

    def test_what_is_no_number_is_silence(self):
        for bad in math.nan, math.inf, -math.inf:
            sound = self.write("s.wav", wav([0.25, 0.5, bad, bad, -0.5, 0.25] * 20, 2, bits=-32))
            rendered = self.render((0, osc("/play", sound)), frames=100, options=("--format", "f32"))
            self.assertEqual(rendered.channels[0], [0.25, 0.0, -0.5] * 20 + [0.0] * 40)

    def test_starts_at_the_frame(self):
        sound = self.write("s.wav", wav([5000, 5000], 2))
        starts = [0, 1, 63, 64, 65, 1000, 4097]
        rendered = self.render(*((f, osc("/play", sound)) for f in starts), frames=5000)
        wanted = [0] * 5000
        for frame in starts:
            wanted[frame] += 5000
        self.assertEqual(rendered.channels[0], wanted)

    def test_start_and_end(self):
        sound = self.float_mono(NOISE)
        got = self.left((0, osc("/play", sound, "pan", -1.0, "start", 480 / RATE)), frames=3000)
        self.assertEqual(got, [*NOISE[480:], *[0] * 480])
        got = self.left((0, osc("/play", sound, "pan", -1.0, "end", 960 / RATE)), frames=3000)
        self.assertEqual(got[:960 - DECLICK], NOISE[:960 - DECLICK])
        self.assertEqual(got[960:], [0] * 2040)

    def test_reverse_is_exact(self):
        sound = self.float_mono(NOISE)
        got = self.left((0, osc("/play", sound, "pan", -1.0, "rate", -1.0)), frames=3100)
        self.assertEqual(got, [*reversed(NOISE), *[0] * 100])
        got = self.left((0, osc("/play", sound, "pan", -1.0, "rate", -1.0, "start", 1000 / RATE)), frames=1100)
        self.assertEqual(got, [*reversed(NOISE[:1001]), *[0] * 99])

    def test_double_rate_skips_and_half_rate_interpolates(self):
        sound = self.float_mono(NOISE)
        got = self.left((0, osc("/play", sound, "pan", -1.0, "rate", 2.0)), frames=1600)
        self.assertEqual(got, [*NOISE[::2], *[0] * 100])
        got = self.left((0, osc("/play", sound, "pan", -1.0, "rate", 0.5)), frames=6000)
        self.assertEqual(got[::2], NOISE)
        i = 1000  # the cubic in the middle of two frames: (-1 9 9 -1) / 16
        between = (9 * (NOISE[i] + NOISE[i + 1]) - NOISE[i - 1] - NOISE[i + 2]) / 16
        self.assertAlmostEqual(got[2 * i + 1], between, delta=0.01)

    def test_loop_points_and_counts(self):
        sound = self.float_mono(NOISE)
        keys = ("pan", -1.0, "loop_start", 100 / RATE, "loop_end", 250 / RATE)
        for count in 1, 2, 5:
            got = self.left((0, osc("/play", sound, *keys, "loop_count", count)), frames=4000)
            wanted = [*NOISE[:100], *NOISE[100:250] * count, *NOISE[250:]]
            self.assertEqual(got, [*wanted, *[0] * (4000 - len(wanted))], count)
        got = self.left((0, osc("/play", sound, *keys, "loop", 1)), frames=3000)
        self.assertEqual(got, [*NOISE[:100], *(NOISE[100:250] * 20)[:2900]])
        got = self.left((0, osc("/play", sound, "pan", -1.0, "loop", 1)), frames=7000)
        self.assertEqual(got, (NOISE * 3)[:7000])

    def test_start_inside_a_loop_and_behind_it(self):
        sound = self.float_mono(NOISE)
        keys = ("pan", -1.0, "loop_start", 100 / RATE, "loop_end", 250 / RATE)
        got = self.left((0, osc("/play", sound, *keys, "start", 200 / RATE, "loop_count", 3)), frames=4000)
        wanted = [*NOISE[200:250], *NOISE[100:250] * 2, *NOISE[250:]]
        self.assertEqual(got, [*wanted, *[0] * (4000 - len(wanted))])
        got = self.left((0, osc("/play", sound, *keys, "start", 200 / RATE, "loop", 1)), frames=2000)
        self.assertEqual(got, [*NOISE[200:250], *(NOISE[100:250] * 13)[:1950]])
        back = NOISE[::-1]  # frame 200 is at 2799
        got = self.left((0, osc("/play", sound, *keys, "start", 200 / RATE, "rate", -1.0, "loop_count", 2)), frames=4000)
        wanted = [*back[2799:2900], *back[2750:2900], *back[2900:]]
        self.assertEqual(got, [*wanted, *[0] * (4000 - len(wanted))])

    def test_loop_in_reverse(self):
        sound = self.float_mono(NOISE)
        got = self.left((0, osc("/play", sound, "pan", -1.0, "rate", -1.0, "loop_start", 100 / RATE, "loop_end",
                               250 / RATE, "loop_count", 3)), frames=4000)
        back = NOISE[::-1]
        wanted = [*back[:2750], *back[2750:2900] * 3, *back[2900:]]
        self.assertEqual(got, [*wanted, *[0] * (4000 - len(wanted))])

    def test_leaving_the_loop_ends_the_pass(self):
        sound = self.float_mono(NOISE)
        got = self.left((0, osc("/play", sound, "id", 3, "pan", -1.0, "loop", 1)),
                        (4000, osc("/voice/set", 3, "loop", 0)), frames=7000)
        self.assertEqual(got, [*NOISE, *NOISE, *[0] * 1000])

    def test_the_seam_of_a_loop_is_interpolated(self):
        period = 96  # whole periods of a sine: at any rate the loop must go on as if there were no seam
        samples = sine(960, RATE / period)
        for rate in 0.7, -0.7, 1.9:
            with self.subTest(rate):
                got = self.left((0, osc("/play", self.float_mono(samples), "pan", -1.0, "rate", rate, "loop", 1)),
                                frames=4000)
                first = 0 if rate > 0 else 959
                errors = [abs(s - 16384 * math.sin(2 * math.pi * (first + rate * i) / period))
                          for i, s in enumerate(got)][3:]  # the very first taps lie before the sound
                self.assertLess(max(errors), 20)

    def test_fade_in_and_out(self):
        sound = self.float_mono([16384] * 2000)
        got = self.left((0, osc("/play", sound, "pan", -1.0, "fade", 0.01, "fade_out", 0.02)), frames=2000)
        for i in 0, 120, 240, 480, 1040:
            self.assertAlmostEqual(got[i], 16384 * min(1, i / 480), delta=0.1)
        for i in 1040, 1520, 1999:
            self.assertAlmostEqual(got[i], 16384 * min(1, (2000 - i) / 960), delta=0.1)

    def test_attack_is_kept(self):
        self.assertEqual(self.left((64, osc("/play", self.float_mono([9000] * 50), "pan", -1.0)), frames=200)[60:70],
                         [0] * 4 + [9000] * 6)

    def test_sounds_of_other_rates_keep_pitch_and_length(self):
        for rate in 8000, 44100, 96000, 192000:
            with self.subTest(rate):
                sound = self.mono(sine(rate // 4, 1000, rate), rate=rate)
                rendered = self.render((0, osc("/play", sound, "pan", -1.0)), frames=12500)
                left = rendered.channels[0]
                self.assertLess(max(map(abs, left[12001:])), 2)
                errors = [abs(s - 16384 * math.sin(2 * math.pi * 1000 * i / RATE)) for i, s in enumerate(left)]
                self.assertLess(max(errors[1000:11000]), 40)

    def test_output_channels_and_rate(self):
        sound = self.write("s.wav", wav([4000, -5000] * 500, 2, rate=44100))
        rendered = self.render(
            (0, osc("/bus/new", "side"), osc("/bus/set", "side", "out", 3), osc("/bus/new", "one"),
             osc("/bus/set", "one", "out", 6, "width", 1), osc("/play", sound, "bus", "side"),
             osc("/play", sound, "bus", "one")), options=("--channels", 6, "--rate", 44100, "--seconds", "0.01"))
        self.assertEqual(rendered.rate, 44100)
        self.assertEqual([channel[300] for channel in rendered.channels], [0, 0, 4000, -5000, 0, -500])
        self.assertEqual(rendered.n_frames, 441)


class Changes(Render):
    """What /voice/set and /bus/set do over time, on a sound that is 16384 all along."""

    CURVES = {"linear": lambda a, b, x: a + (b - a) * x,
              "db": lambda a, b, x: a * (b / a) ** x,
              "power": lambda a, b, x: math.sqrt(a * a + (b * b - a * a) * x),
              "s": lambda a, b, x: a + (b - a) * (1 - math.cos(math.pi * x)) / 2}

    def levels(self, *entries, frames=8000):
        sound = self.float_mono([16384] * 9000)
        begin = (0, osc("/bus/new", "b"), osc("/play", sound, "id", "v", "bus", "b", "pan", -1.0))
        return [s / 16384 for s in self.left(begin, *entries, frames=frames)]

    def check_ramp(self, message, way, to=0.01):
        """The ramp goes from frame 500 to 5300, in pieces of 32 frames that are straight."""
        got = self.levels((500, message))
        self.assertAlmostEqual(got[499], 1, delta=1e-5)
        for k in range(0, 4800, 160):
            self.assertAlmostEqual(got[500 + k], way(1, to, k / 4800), delta=2e-3)
        self.assertAlmostEqual(got[5300], to, delta=1e-4)

    def test_curves(self):
        for curve, way in self.CURVES.items():
            with self.subTest(curve):
                self.check_ramp(osc("/voice/set", "v", "gain", -40.0, "ramp", 0.1, "curve", curve), way)
                self.check_ramp(osc("/bus/set", "b", "gain", -40.0, "ramp", 0.1, "curve", curve), way)

    def test_default_curve_is_linear(self):
        self.check_ramp(osc("/voice/set", "v", "gain", -40.0, "ramp", 0.1), self.CURVES["linear"])

    def test_relative_gain(self):
        got = self.levels((100, osc("/voice/set", "v", "gain", "-6"), osc("/voice/set", "v", "gain", "-6")),
                          (2000, osc("/bus/set", "b", "gain", "+3.5"), osc("/bus/set", "b", "gain", "+2.5")),
                          (4000, osc("/voice/set", "v", "gain", "-300")), (6000, osc("/voice/set", "v", "gain", "+190")))
        for frame, db in (1900, -12), (3900, -6), (7900, -4):
            self.assertAlmostEqual(20 * math.log10(got[frame]), db, delta=1e-3)
        self.assertEqual(got[5900], 0)

    def test_relative_pan_and_rate(self):
        sound = self.mono(sine(RATE, 100), "sine.wav")
        rendered = self.render((0, osc("/play", sound, "id", 1)), (100, osc("/voice/set", 1, "pan", "+0.5")),
                               (101, osc("/voice/set", 1, "pan", "+0.5")), (5000, osc("/voice/set", 1, "pan", "-3")),
                               frames=10000)
        self.assertEqual(max(map(abs, rendered.channels[0][1000:5000])), 0)
        self.assertEqual(max(map(abs, rendered.channels[1][6000:])), 0)
        sound = self.float_mono(list(range(20000)), "ramp.wav")  # a sample tells its place
        got = self.left((0, osc("/play", sound, "id", 1, "pan", -1.0)), (100, osc("/voice/set", 1, "rate", "+1")),
                        (200, osc("/voice/set", 1, "rate", "-0.5")), (300, osc("/voice/set", 1, "rate", "-100")),
                        frames=600)
        for frame, step in (50, 1), (150, 2), (250, 1.5), (400, 0.06):
            self.assertAlmostEqual(got[frame + 1] - got[frame], step, delta=0.01)

    def test_relative_seek(self):
        sound = self.float_mono(list(range(20000)), "ramp.wav")
        got = self.left((0, osc("/play", sound, "id", 1, "pan", -1.0)), (1000, osc("/seek", 1, "+0.1")),
                        (3000, osc("/seek", 1, "-0.05")), frames=5000)
        # It jumps from where it was told to, when it has faded.
        self.assertAlmostEqual(got[2500], 2500 + 4800 - DECLICK, delta=1)
        self.assertAlmostEqual(got[4500], 4500 + 4800 - 2400 - 2 * DECLICK, delta=1)

    def test_all_voices_of_a_sound_or_bus(self):
        one, two = self.float_mono([100] * 9000, "one.wav"), self.float_mono([10] * 9000, "two.wav")
        starts = (0, osc("/bus/new", "b"), osc("/sound/load", "one", one), osc("/sound/load", "two", two),
                  *(osc("/play", sound, "bus", bus, "pan", -1.0) for sound in ("one", "two") for bus in ("master", "b")))
        for keys, left in ((), 0), (("bus", "b"), 110), (("sound", "one"), 20), (("bus", "b", "sound", "two"), 210):
            got = self.left(starts, (100, osc("/stop", "all", *keys)), frames=1000)
            self.assertEqual((got[50], got[900]), (220, left), keys)
        got = self.left(starts, (100, osc("/pause", "all")), (500, osc("/resume", "all")), frames=2000)
        self.assertEqual((got[450], got[1500]), (0, 220))


class Clicks(Render):
    """A 100 Hz sine of half of full scale is changed at its crest, where a step would be largest."""

    HZ, PEAK = 100, 16384
    OWN_STEP = PEAK * 2 * math.pi * HZ / RATE  # largest difference of two neighbouring samples
    RAMP_STEP = PEAK / DECLICK
    CREST = 120 + 480 * 10  # in the frame where the sine is at its peak

    def largest_step(self, *entries, keys=(), frames=24000):
        sound = self.mono(sine(RATE, self.HZ, RATE, self.PEAK))
        got = self.left((0, osc("/sound/load", "sine", sound), osc("/play", "sine", "id", 1, "pan", -1.0, *keys)),
                        *entries, frames=frames)
        self.assertGreater(max(got), self.PEAK / 2)
        return max(abs(b - a) for a, b in zip([0, *got], got)), got

    def assert_smooth(self, *entries, gain=1.0, **more):
        """`gain`: the largest that the sine comes to."""
        step, got = self.largest_step(*entries, **more)
        self.assertLess(step, gain * (self.OWN_STEP + self.RAMP_STEP) * 1.01 + 1)
        return got

    def test_the_bound_is_met_only_by_smooth_sound(self):
        """A sound that begins at its crest steps by its peak, and the measure sees it."""
        step, _ = self.largest_step(keys=("start", 120 / RATE))
        self.assertGreater(step, 16000)

    def test_gain(self):
        got = self.assert_smooth((self.CREST, osc("/voice/set", 1, "gain", -200.0)))
        self.assertEqual(got[self.CREST + DECLICK:], [0] * (24000 - self.CREST - DECLICK))
        self.assert_smooth((self.CREST, osc("/voice/set", 1, "gain", 6.0)), gain=2)
        self.assert_smooth((self.CREST, osc("/voice/set", 1, "gain", -20.0, "ramp", 0.1)),
                           (self.CREST + 480, osc("/voice/set", 1, "gain", 0.0)))

    def test_pan(self):
        self.assert_smooth((self.CREST, osc("/voice/set", 1, "pan", 1.0)), (9720, osc("/voice/set", 1, "pan", -1.0)))

    def test_rate(self):
        # A faster sine has larger steps of its own.
        self.assert_smooth((self.CREST, osc("/voice/set", 1, "rate", 2.0)), gain=2)
        self.assert_smooth((self.CREST, osc("/voice/set", 1, "rate", -1.0)), (5000, osc("/voice/set", 1, "rate", 0.5)))

    def test_pause_and_resume(self):
        got = self.assert_smooth((self.CREST, osc("/pause", 1)), (9720, osc("/resume", 1)))
        self.assertEqual(got[self.CREST + DECLICK:9720], [0] * (9720 - self.CREST - DECLICK))
        self.assert_smooth((self.CREST, osc("/pause", 1)), (self.CREST + 100, osc("/resume", 1)))
        self.assert_smooth((self.CREST, osc("/pause", 1, "fade", 0.1)), (9720, osc("/resume", 1, "fade", 0.1)))

    def test_seek(self):
        self.assert_smooth((self.CREST, osc("/seek", 1, 120 / RATE)))
        self.assert_smooth((self.CREST, osc("/seek", 1, 360 / RATE)), (self.CREST + 50, osc("/seek", 1, 0.5)),
                           (self.CREST + 300, osc("/seek", 1, 360 / RATE)))
        self.assert_smooth((self.CREST, osc("/seek", 1, 360 / RATE), osc("/pause", 1)),
                           (self.CREST + 100, osc("/resume", 1)))

    def test_stop(self):
        got = self.assert_smooth((self.CREST, osc("/stop", 1)))
        self.assertEqual(got[self.CREST + DECLICK:], [0] * (24000 - self.CREST - DECLICK))
        self.assert_smooth((self.CREST, osc("/stop", 1, "fade", 0.2)), (9720, osc("/stop", 1)))
        self.assert_smooth((self.CREST, osc("/seek", 1, 0.1), osc("/stop", 1)))

    def test_bus(self):
        on = ("bus", "b")
        new = osc("/bus/new", "b")
        for keys in ("gain", -200.0), ("mute", 1), ("pan", 1.0), ("gain", -10.0, "ramp", 0.1):
            with self.subTest(keys):
                sound = self.mono(sine(RATE, self.HZ, RATE, self.PEAK))
                got = self.left((0, new, osc("/play", sound, "pan", -1.0, *on)),
                                (self.CREST, osc("/bus/set", "b", *keys)),
                                (14520, osc("/bus/set", "b", "gain", 0.0, "mute", 0, "pan", 0.0)), frames=24000)
                step = max(abs(b - a) for a, b in zip(got, got[1:]))
                self.assertLess(step, (self.OWN_STEP + self.RAMP_STEP) * math.sqrt(2) * 1.01)
                self.assertGreater(max(got), self.PEAK / 2)
                self.assertLess(max(got[self.CREST + DECLICK + 4800:14520]), self.PEAK / 3)

    def test_solo(self):
        sound = self.mono(sine(RATE, self.HZ, RATE, self.PEAK))
        got = self.left((0, osc("/bus/new", "a"), osc("/bus/new", "b"), osc("/play", sound, "pan", -1.0, "bus", "a")),
                        (self.CREST, osc("/bus/set", "b", "solo", 1)), (9720, osc("/bus/set", "b", "solo", 0)),
                        frames=24000)
        self.assertLess(max(abs(b - a) for a, b in zip(got, got[1:])), (self.OWN_STEP + self.RAMP_STEP) * 1.01)
        self.assertEqual(set(got[self.CREST + DECLICK:9720]), {0})

    def test_fade(self):
        self.assert_smooth(keys=("fade", 0.1, "start", 120 / RATE))

    def test_end_offset_and_fade_out(self):
        self.assert_smooth(keys=("end", 9720 / RATE))
        self.assert_smooth(keys=("end", 9720 / RATE, "fade_out", 0.1))
        self.assert_smooth((9600, osc("/voice/set", 1, "rate", 1.5)), keys=("end", 9720 / RATE, "fade_out", 0.1),
                           gain=1.5)
        self.assert_smooth(keys=("rate", -1.0, "start", 0.2, "end", 120 / RATE))

    def test_unload_with_fade(self):
        got = self.assert_smooth((self.CREST, osc("/sound/unload", "sine", "fade", 0.01)))
        self.assertEqual(got[self.CREST + 480:], [0] * (24000 - self.CREST - 480))

    def test_unload_without_fade_finishes(self):
        got = self.left((0, osc("/sound/load", "n", self.float_mono(NOISE)), osc("/play", "n", "pan", -1.0)),
                        (100, osc("/sound/unload", "n")), frames=3100)
        self.assertEqual(got, NOISE + [0] * 100)


class Scores(Render):
    def test_ends_at_the_last_bundle(self):
        sound = self.mono(NOISE)
        self.assertEqual(self.render((0, osc("/play", sound)), (1234,)).n_frames, 1234)
        self.assertEqual(self.render((0, osc("/play", sound)), (1234,), frames=2000).n_frames, 2000)
        self.assertEqual(self.render((0, osc("/play", sound)), (1234,), frames=1000).n_frames, 1000)

    def test_ends_at_the_last_scheduled_command(self):
        sound = self.float_mono(NOISE)
        for block in 1, 64, 8192:
            rendered = self.render((0, osc("/play", sound, "pan", -1.0, "at", 0.01), osc("/ping")), (100,),
                                   (200, osc("/stop", "all", "at", 0.05, "fade", 0.0), osc("/stop", "all", "at", 0.02)),
                                   options=("--block", block, "--format", "f32"))
            self.assertEqual(rendered.n_frames, 200 + RATE // 20)
            left = [s * 32768 for s in rendered.channels[0]]
            self.assertEqual(left[:480 + 600], [0] * 480 + NOISE[:600])
        # Bundles that lie in a bundle have times of their own.
        later = bundle(osc("/play", sound), time_tag=(2 << 32) + (1 << 31))
        self.assertEqual(self.render((0, later), (50,)).n_frames, RATE * 5 // 2)
        # What is taken back, refused or beyond --seconds does not count, nor does anything behind a /quit.
        at = osc("/play", sound, "at", 1.0)
        self.assertEqual(self.render((0, at), (50, osc("/clear", "all"))).n_frames, 50)
        self.assertEqual(self.render((0, at), (50,), frames=70).n_frames, 70)
        self.assertEqual(self.render((0, at), (60, osc("/quit"))).n_frames, 60)

    def test_reads_standard_input(self):
        data = score((0, osc("/play", self.mono(NOISE))), (500,))
        result = run_chimed("render", "-", self.path("out.wav"), input=data)
        self.assertEqual(result.returncode, 0, result.stderr)
        from_pipe = Wav(self.path("out.wav")).channels
        self.run_score(data)
        self.assertEqual(from_pipe, Wav(self.path("out.wav")).channels)
        os.mkfifo(self.path("fifo"))
        with subprocess.Popen(["cp", self.path("score.osc"), self.path("fifo")]):
            result = run_chimed("render", self.path("fifo"), self.path("out.wav"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(from_pipe, Wav(self.path("out.wav")).channels)
        with open(self.path("score.osc"), "rb") as file:  # from where it stands
            file.read(len(data) - len(score((0,))))
            result = run_chimed("render", "-", self.path("out.wav"), "--seconds", "0.001", stdin=file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(set(Wav(self.path("out.wav")).channels[0]), {0})

    def test_loads_finish_before_time_goes_on(self):
        big = self.mono(sine(RATE * 4, 440, 44100), rate=44100)
        rendered = self.render((0, osc("/sound/load", "big", big)), (1000, osc("/play", "big")), frames=2000)
        self.assertEqual(set(rendered.channels[0][:1000]), {0})
        self.assertGreater(max(rendered.channels[0][1000:1200]), 8000)

    def test_many_commands_of_one_frame(self):
        """More than the queue between control and audio holds at once."""
        sound = self.write("s.wav", wav([10] * 400, 2))
        conf = self.write("c.conf", b"[engine]\nvoices = 700\nqueue = 64\n")
        plays = [osc("/play", "s", "id", i) for i in range(700)]
        sets = [(20, *(osc("/voice/set", i % 700, "gain", 0.0, "rate", 1.0) for i in range(k, k + 600)))
                for k in (0, 600)]
        rendered = self.render((0, osc("/sound/load", "s", sound)), (10, *plays), *sets, (1000,),
                               options=("--config", conf))
        self.assertEqual(rendered.channels[0][10:30], [7000] * 20)

    def test_errors_are_told_and_exit_1(self):
        sound = self.mono(NOISE)
        result = self.run_score(score((0, osc("/play", sound)), (10, osc("/bus/set", "none", "gain", 1.0)), (100,)))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"unknown_bus: message 0 of the bundle, counted from 0: no bus is called none", result.stderr)
        self.assertEqual(Wav(self.path("out.wav")).n_frames, 100)  # the rest is rendered all the same
        result = self.run_score(score((0, osc("/play", self.path("missing.wav")))))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"not_found: message 0 of the bundle, counted from 0: no such file: " + self.path("missing.wav").encode(), result.stderr)

    def test_damaged_scores(self):
        good = score((0, osc("/ping")), (100,))
        for name, data, says in (
                ("cut in a packet", good[:-3], b"ends inside a packet"),
                ("cut in a length", good + b"\0\0", b"length must be 1 to 65536"),
                ("length of 0", good + b"\0\0\0\0", b"length must be 1 to 65536"),
                ("negative length", good + b"\xff\xff\xff\xf0", b"length must be 1 to 65536"),
                ("no OSC", struct.pack(">i", 8) + b"nonsense", b"bad_packet"),
                ("text", b"/play bell\n", b"length must be 1 to 65536")):
            with self.subTest(name):
                result = self.run_score(data)
                self.assertEqual(result.returncode, 1)
                self.assertIn(says, result.stderr)

    def test_files_that_cannot_be_used(self):
        result = run_chimed("render", self.path("none"), self.path("out.wav"))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot read " + self.path("none").encode() + b": No such file", result.stderr)
        result = run_chimed("render", self.folder, self.path("out.wav"))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot read " + self.folder.encode() + b": Is a directory", result.stderr)
        result = self.run_score(score((0, osc("/ping"))), out="none/out.wav")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot write " + self.path("none/out.wav").encode(), result.stderr)
        if os.path.exists("/dev/full"):
            result = run_chimed("render", self.write("s", score((0,), (480000,))), "/dev/full")
            self.assertEqual(result.returncode, 1, result.stderr)

    def test_usage(self):
        for words in ((), ("a",), ("a", "b", "c"), ("a", "b", "--block", "0"), ("a", "b", "--block", "8193"),
                      ("a", "b", "--rate", "fast"), ("a", "b", "--format", "mp3"), ("a", "b", "--channels", "65"),
                      ("a", "b", "--seconds", "-1"), ("a", "b", "--seconds", "nan"), ("a", "b", "--block", "6.5"),
                      ("a", "b", "--wrong"), ("a", "b", "--config", "/none")):
            with self.subTest(words):
                result = run_chimed("render", *words, cwd=self.folder)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(b"chimed render --help", result.stderr)
                self.assertFalse(os.path.exists(self.path("b")))
        result = run_chimed("render", "--help")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"SCORE", result.stdout)

    def test_configuration(self):
        conf = self.write("c.conf", b"[engine]\nvoices = 2\n[bus quiet]\ngain = -20\n")
        sound = self.write("s.wav", wav([10000] * 400, 2))
        data = score((0, osc("/play", sound, "bus", "quiet"), osc("/play", sound)), (0, osc("/play", sound)))
        result = self.run_score(data, "--config", conf, "--seconds", "0.001")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"refused: message 0 of the bundle, counted from 0: refused voices 2/2", result.stderr)
        self.assertEqual(Wav(self.path("out.wav")).channels[0], [11000] * 48)

    def test_times_behind_one_another(self):
        result = self.run_score(score((100, osc("/ping")), (50, osc("/ping")), (200,)))
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"a packet for frame 50 stands behind frame 100", result.stderr)

    def test_runs_with_the_rights_of_the_caller(self):
        """Any path that the caller can read: relative ones too, and links."""
        self.mono(NOISE, "real.wav")
        os.symlink("real.wav", self.path("link.wav"))
        self.write("score.osc", score((0, osc("/play", "link.wav")), (1000,)))
        result = subprocess.run([CHIMED, "render", "score.osc", "out.wav"], cwd=self.folder, capture_output=True,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(samples_bytes(Wav(self.path("out.wav")).channels[0], 16)), 2000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
