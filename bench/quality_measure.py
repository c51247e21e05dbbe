# SPDX-License-Identifier: MIT
# quality_measure.py - renders sines, sweeps and impulses through chimed, and measures what came out.
"""Needs tests/harness.py, which wants CHIMED in the environment. Levels are dB below the sound that was played."""
import math
import os
import shutil
import tempfile

import numpy

from harness import Wav, osc, run_chimed, samples_bytes, score, wav

RATE = 48000
SEGMENT = 12000  # output frames for each sound
FIRST, N = 2000, 8192  # of a segment, what is analysed: far from both ends of the sound
HZ = (20, 50, 100, 200, 500, 1000, 2000, 4000, 6000, 8000, 10000, 12000, 14000, 16000, 18000, 20000)
SWEEP_HZ, SWEEP_FRAMES = (20, 20000), 96000
HEARD_HZ = 20000
FLOOR_DB = -200.0


def db(ratio):
    return max(20 * math.log10(ratio), FLOOR_DB) if ratio > 0 else FLOOR_DB


def exact(rate):
    """What the engine makes of a rate: a float on the wire, then 32.32 fixed point."""
    return round(float(numpy.float32(rate)) * 2 ** 32) / 2 ** 32


# ---- rendering ----

def render(sounds, *entries, n_frames):
    """Both channels of a float render. `sounds`: name -> float samples, mono; entries as for score()."""
    folder = tempfile.mkdtemp(prefix="chimed-quality-")
    try:
        loads = []
        for name, samples in sounds.items():
            path = os.path.join(folder, name + ".wav")
            with open(path, "wb") as file:
                data = numpy.asarray(samples, "<f4").tobytes()
                file.write(wav([], bits=-32, claim=len(data)) + data)
            loads.append(osc("/sound/load", name, path))
        with open(os.path.join(folder, "score"), "wb") as file:
            file.write(score((0, *loads), *entries))
        out = os.path.join(folder, "out.wav")
        done = run_chimed("render", os.path.join(folder, "score"), out, "--format", "f32", "--seconds",
                          repr(n_frames / RATE))
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return numpy.array(Wav(out).channels)
    finally:
        shutil.rmtree(folder)


def play(name, rate, quality, *words):
    """Hard left, so that the level is exactly that of the sound."""
    return osc("/play", name, "rate", rate, "quality", quality, "pan", -1.0, *words)


# ---- sines ----

def take_out(signal, hz):
    """The amplitude of a sine, and what is left without it: by least squares."""
    t = 2 * math.pi * hz / RATE * numpy.arange(len(signal))
    basis = numpy.stack([numpy.sin(t), numpy.cos(t)], axis=1)
    found = numpy.linalg.lstsq(basis, signal, rcond=None)[0]
    return math.hypot(*found), signal - basis @ found


def largest_line(signal):
    """The amplitude of the strongest sine in a signal: its level, and its frequency."""
    window = numpy.kaiser(len(signal), 20)
    spectrum = numpy.abs(numpy.fft.rfft(signal * window, 4 * len(signal))) * 2 / window.sum()  # padded: finer lines
    at = int(spectrum.argmax())
    return float(spectrum[at]), at * RATE / (4 * len(signal))


def measure_sine(signal, hz):
    """`hz`: where the sine is to be heard; at half the sample rate and above, nowhere."""
    if hz >= RATE / 2:
        amplitude, rest = 0.0, signal
    else:
        amplitude, rest = take_out(signal, hz)
    stray, stray_hz = largest_line(rest)
    noise = math.sqrt(2 * float(numpy.mean(rest ** 2)))
    return {"out_hz": hz, "level_db": db(amplitude) if amplitude else None, "stray_db": db(stray), "stray_hz": stray_hz,
            "thd_n_db": db(noise / amplitude) if amplitude else None}


def sines(quality, rate, frequencies=HZ):
    """One row for each frequency: what becomes of a sine that is played at this rate."""
    rate = exact(rate)
    n_frames = math.ceil(SEGMENT * rate) + 64
    sounds = {f"sine{hz}": numpy.sin(2 * math.pi * hz / RATE * numpy.arange(n_frames)) for hz in frequencies}
    out, _ = render(sounds, *[(i * SEGMENT, play(name, rate, quality))
                              for i, name in enumerate(sounds)], n_frames=SEGMENT * len(sounds))
    return [{"quality": quality, "rate": rate, "hz": hz,
             **measure_sine(out[i * SEGMENT + FIRST:i * SEGMENT + FIRST + N], hz * rate)}
            for i, hz in enumerate(frequencies)]


# ---- sweeps ----

def sweep_phase(frames):
    """An exponential sweep's phase at any position; it rests a while at its ends."""
    low, high = SWEEP_HZ
    k = math.log(high / low)
    return 2 * math.pi * low * SWEEP_FRAMES / RATE / k * (numpy.exp(k * frames / SWEEP_FRAMES) - 1)


def sweep(quality, rate, limits_hz):
    """The largest error of a sweep while it is below each limit, and heard below HEARD_HZ: {limit: dB}. What the sweep
    should be at any position is known, so the error is everything: level, phase, images."""
    rate = exact(rate)
    n = math.floor(SWEEP_FRAMES / rate) - 64
    out, _ = render({"sweep": numpy.sin(sweep_phase(numpy.arange(SWEEP_FRAMES)))}, (0, play("sweep", rate, quality)),
                    n_frames=n)
    positions = numpy.arange(n) * rate
    error = numpy.abs(out[:n] - numpy.sin(sweep_phase(positions)))
    low, high = SWEEP_HZ
    hz = low * numpy.exp(math.log(high / low) * positions / SWEEP_FRAMES)
    keep = positions > 64  # the sound begins with a step in its slope
    return {limit: db(float(error[keep & (hz < limit) & (hz * rate < HEARD_HZ)].max())) for limit in limits_hz}


# ---- impulses ----

def impulses(quality, rate):
    """Impulses of 1, far apart, meet the interpolation at many phases. `sum_error`: by how much their sums differ from
    1 / rate, times the rate; `before`, `behind`: how many of the sound's frames they spread to, down to -80 dB."""
    rate, distance, n = exact(rate), 1009, 40
    samples = numpy.zeros(distance * (n + 1))
    samples[distance // 2::distance] = 1
    n_out = math.floor(distance * n / rate)
    out, _ = render({"impulses": samples}, (0, play("impulses", rate, quality)), n_frames=n_out)
    positions = numpy.arange(n_out) * rate
    nearest = numpy.floor(positions / distance).astype(int)
    sums = numpy.array([out[nearest == i].sum() * rate for i in range(n)])
    offsets = positions - (nearest * distance + distance // 2)
    loud = offsets[numpy.abs(out) > 1e-4]
    return {"quality": quality, "rate": rate, "sum_error": float(numpy.abs(sums - 1).max()),
            "before": abs(float(loud.min())), "behind": float(loud.max())}


# ---- levels ----

def unity_differences(samples, bits):
    """How many samples at rate 1 come out as others: 16-bit samples, or floats (-32)."""
    folder = tempfile.mkdtemp(prefix="chimed-quality-")
    try:
        paths = [os.path.join(folder, name) for name in ("in.wav", "score", "out.wav")]
        for path, data in zip(paths, (wav(samples, bits=bits), score((0, osc("/play", paths[0], "pan", -1.0))))):
            with open(path, "wb") as file:
                file.write(data)
        done = run_chimed("render", paths[1], paths[2], "--format", "f32", "--seconds", repr(len(samples) / RATE))
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        left = Wav(paths[2]).channels[0]
    finally:
        shutil.rmtree(folder)
    wanted = numpy.array(samples) / 32768 if bits == 16 else numpy.frombuffer(samples_bytes(samples, -32), "<f4")
    return int((numpy.array(left) != wanted).sum())


def largest_step(ramp_s, from_db, to_db):
    """The largest step between two frames of a constant whose gain is ramped, over the ramp's own slope."""
    n, start = round((ramp_s + 0.2) * RATE), 4800
    out, _ = render({"one": numpy.ones(n + 64)},
                    (0, osc("/play", "one", "id", 1, "pan", -1.0, "gain", from_db)),
                    (start, osc("/voice/set", 1, "gain", to_db, "ramp", ramp_s)), n_frames=n)
    slope = abs(10 ** (to_db / 20) - 10 ** (from_db / 20)) / (ramp_s * RATE)
    return float(numpy.abs(numpy.diff(out[100:])).max()) / slope


def pan_power(n_places=41):
    """How far the power of left and right together is from 1 over all places, in dB at the most."""
    length = 200
    entries = [(i * length, osc("/play", "one", "pan", -1 + 2 * i / (n_places - 1))) for i in range(n_places)]
    left, right = render({"one": numpy.ones(length)}, *entries, n_frames=n_places * length)
    power = (left ** 2 + right ** 2)[length // 2::length]
    return float(numpy.abs(10 * numpy.log10(power)).max())
