# SPDX-License-Identifier: MIT
# alsa-hda.py - what chimed plays on an HDA card comes out of the emulated one bit by bit as it is in the file.
# modprobe: snd-hda-codec-generic
# modprobe: snd-hda-intel
# qemu: -device ich9-intel-hda -device hda-output,audiodev=w,mixer=off -audiodev wav,id=w,path=$VM/hda.wav,out.frequency=48000,out.format=s16
# host: noise.py find $VM/hda.wav
import os
import time

import machine
import faults
import harness
import noise

machine.into_memory(harness.CHIMED, machine.DECODE, machine.GUARD)
with machine.fast_forward(), machine.check("a sound plays on hw:Intel, 256 frames x 3, without an xrun"):
    faults.until(lambda: os.path.exists("/proc/asound/card0/pcm0p"), "the card")
    with harness.Daemon("--device", "hw:0,0", "--period", "256", "--periods", "3", backend="alsa") as daemon:
        client = daemon.client()
        client.do("/play", noise.Noise(2, bits=16).write(os.path.join(daemon.sounds, "noise.wav")), "id", 1, "notify", 1)
        client.wait_for(lambda m: m[0] == "/ended")
        time.sleep(0.5)
        status = client.status()
        machine.expect(status["xruns"] == 0 and status["backend"] == "alsa", f"no xrun: {status}")
        print(status["device"])
machine.end()
