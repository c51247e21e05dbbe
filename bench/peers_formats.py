# SPDX-License-Identifier: MIT
# peers_formats.py - writes what the peers read: a SynthDef for scsynth and a SoundFont for fluidsynth.
import struct

# ---- SynthDef, version 2 ("Synth Definition File Format" in SuperCollider's help) ----

CONTROL_RATE, AUDIO_RATE = 1, 2


def pstring(text):
    return bytes([len(text)]) + text.encode()


def ugen(name, rate, inputs, n_outputs):
    """An input is (unit, output); of unit -1 a constant."""
    return (pstring(name) + struct.pack(">bii", rate, len(inputs), n_outputs) + struct.pack(">h", 0) +
            b"".join(struct.pack(">ii", *i) for i in inputs) + bytes([rate]) * n_outputs)


def synthdef(name, gain):
    """Plays mono buffer `buf` at `rate` in a loop, at `gain`, at position `pan`, to bus 0."""
    constants = [0.0, 1.0, gain]
    zero, one, level = ((-1, i) for i in range(3))
    buf, rate, pan = ((0, i) for i in range(3))
    units = [ugen("Control", CONTROL_RATE, [], 3),
             ugen("PlayBuf", AUDIO_RATE, [buf, rate, one, zero, one, zero], 1),
             ugen("Pan2", AUDIO_RATE, [(1, 0), pan, level], 2),
             ugen("Out", AUDIO_RATE, [zero, (2, 0), (2, 1)], 0)]
    parameters = ["buf", "rate", "pan"]
    return (b"SCgf" + struct.pack(">ih", 2, 1) + pstring(name) +
            struct.pack(f">i{len(constants)}f", len(constants), *constants) +
            struct.pack(">i3f", 3, 0.0, 1.0, 0.0) +
            struct.pack(">i", 3) + b"".join(pstring(p) + struct.pack(">i", i) for i, p in enumerate(parameters)) +
            struct.pack(">i", len(units)) + b"".join(units) + struct.pack(">h", 0))


# ---- SoundFont 2.01 ("SoundFont Technical Specification", E-mu, 1998) ----

PAN, COARSE_TUNE, FINE_TUNE, INSTRUMENT, KEY_RANGE = 17, 51, 52, 41, 43
SAMPLE_ID, SAMPLE_MODES, SCALE_TUNING, ROOT_KEY = 53, 54, 56, 58
KEYS = 128
GAP = 46  # silent frames behind each sample, as the format wants them


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def name20(text):
    return text.encode().ljust(20, b"\0")


def zone(n, n_voices, cents):
    """The generators of voice n: its key, place, pitch and sample, in the order that the format wants."""
    pan = -500 + 1000 * n // max(n_voices - 1, 1)
    key = n % KEYS
    return [(KEY_RANGE, key | key << 8), (PAN, pan), (COARSE_TUNE, cents // 100), (FINE_TUNE, cents % 100),
            (SAMPLE_MODES, 1), (SCALE_TUNING, 0), (ROOT_KEY, 60), (SAMPLE_ID, n)]


def generators(rows):
    return b"".join(struct.pack("<HH", kind, value & 0xffff) for kind, value in rows)


def soundfont(path, sounds, n_voices, rate, cents):
    """A SoundFont with a sample for each of `n_voices`, looped whole: voice n is key n % 128 of program n // 128.
    `sounds`: bytes of 16-bit mono samples, used in turn; `cents`: pitch."""
    n_programs = (n_voices + KEYS - 1) // KEYS
    inst, ibag, igen, phdr, pgen, shdr = (b"" for _ in range(6))
    n_zones = n_generators = at = 0
    for p in range(n_programs):
        inst += name20(f"i{p}") + struct.pack("<H", n_zones)
        phdr += name20(f"p{p}") + struct.pack("<HHHIII", p, 0, p, 0, 0, 0)
        pgen += generators([(INSTRUMENT, p)])
        for n in range(p * KEYS, min((p + 1) * KEYS, n_voices)):
            rows = zone(n, n_voices, cents)
            ibag += struct.pack("<HH", n_generators, 0)
            igen += generators(rows)
            n_zones, n_generators = n_zones + 1, n_generators + len(rows)
    pbag = b"".join(struct.pack("<HH", p, 0) for p in range(n_programs + 1))
    inst += name20("EOI") + struct.pack("<H", n_zones)
    ibag += struct.pack("<HH", n_generators, 0)
    phdr += name20("EOP") + struct.pack("<HHHIII", 0, 0, n_programs, 0, 0, 0)
    for n in range(n_voices):
        n_frames = len(sounds[n % len(sounds)]) // 2
        shdr += name20(f"s{n}") + struct.pack("<IIIIIBbHH", at, at + n_frames, at, at + n_frames, rate, 60, 0, 0, 1)
        at += n_frames + GAP
    shdr += name20("EOS") + bytes(26)

    info = b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"isng", b"EMU8000\0") + chunk(b"INAM", b"w1\0\0")
    pdta = b"pdta" + b"".join(chunk(kind, data) for kind, data in (
        (b"phdr", phdr), (b"pbag", pbag), (b"pmod", bytes(10)), (b"pgen", pgen + bytes(4)),
        (b"inst", inst), (b"ibag", ibag), (b"imod", bytes(10)), (b"igen", igen + bytes(4)), (b"shdr", shdr)))
    head, tail = chunk(b"LIST", info), chunk(b"LIST", pdta)
    sdta = b"LIST" + struct.pack("<I", 12 + 2 * at) + b"sdta" + b"smpl" + struct.pack("<I", 2 * at)
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + len(head) + len(sdta) + 2 * at + len(tail)) + b"sfbk")
        file.write(head + sdta)
        for n in range(n_voices):
            file.write(sounds[n % len(sounds)] + bytes(2 * GAP))
        file.write(tail)
