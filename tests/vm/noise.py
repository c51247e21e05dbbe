#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# noise.py - noise that is the same at each run, in a sound file, and what a device must record of it in each format.
import array
import random
import sys
import wave

RATE, CHANNELS = 48000, 2
SAMPLE_BYTES = {"s16": 2, "s24": 4, "s32": 4, "float": 4}


class Noise:
    """16 bits of it where the device has no more, else 24: the most that is exact all the way."""

    def __init__(self, seconds=1, bits=24, seed=1):
        self.bits, self.n_frames = bits, round(RATE * seconds)
        self.raw = random.Random(seed).randbytes(self.n_frames * CHANNELS * bits // 8)

    def write(self, path):
        """A WAV file, with silence at both ends."""
        edge = bytes(RATE // 20 * CHANNELS * self.bits // 8)
        with wave.open(path, "wb") as file:
            file.setnchannels(CHANNELS)
            file.setsampwidth(self.bits // 8)
            file.setframerate(RATE)
            file.writeframes(edge + self.raw + edge)
        return path

    def recorded(self, sample_format):
        """The bytes of a recording that has every frame."""
        size = self.bits // 8
        samples = [int.from_bytes(self.raw[i:i + size], "little", signed=True) << (24 - self.bits)
                   for i in range(0, len(self.raw), size)]  # as 24 bits
        if sample_format == "float":
            return array.array("f", [s / 8388608 for s in samples]).tobytes()
        if sample_format == "s16":
            return array.array("h", [s >> 8 for s in samples]).tobytes()
        return array.array("i", [s << 8 if sample_format == "s32" else s for s in samples]).tobytes()


def find(wanted, recording, sample_format, is_alone=True):
    """Raises unless all that is wanted is in the recording, with silence alone around it. The frames before."""
    frame_bytes = SAMPLE_BYTES[sample_format] * CHANNELS
    start = recording.find(wanted[:64])
    if start < 0 or start % frame_bytes:
        raise AssertionError(f"the first frames are not among the {len(recording) // frame_bytes} recorded ones")
    part = recording[start:start + len(wanted)]
    if part != wanted:
        same = next((i for i, (a, b) in enumerate(zip(part, wanted)) if a != b), len(part))
        raise AssertionError(f"the recording differs from frame {same // frame_bytes} of the noise on")
    if is_alone and (recording[:start].strip(b"\0") or recording[start + len(wanted):].strip(b"\0")):
        raise AssertionError("there is something else than silence around the noise")
    return start // frame_bytes


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "find", "hear"):
        sys.exit("usage: noise.py make|find|hear FILE.wav")
    if sys.argv[1] == "make":
        Noise(2, bits=16).write(sys.argv[2])
    else:
        with wave.open(sys.argv[2]) as wav:
            start = find(Noise(2, bits=16).recorded("s16"), wav.readframes(wav.getnframes()), "s16", sys.argv[1] == "find")
        print(f"every frame of the noise is there, from frame {start} on")
