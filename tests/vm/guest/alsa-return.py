# SPDX-License-Identifier: MIT
# alsa-return.py - a card goes and comes back again and again while chimed plays on it: so does the sound, by itself.
# modprobe: snd-dummy
# modprobe: xhci-pci
# modprobe: snd-usb-audio
# seconds: 600
# qemu: -device qemu-xhci -audiodev none,id=n -device usb-audio,audiodev=n,id=ua
import os
import statistics
import time

import machine
import faults
import harness


def comes_and_goes(device, take, give, n_times):
    """While a loop plays."""
    times = []
    with harness.Daemon("--device", device, "--period", "256", "--periods", "4", backend="alsa") as daemon:
        client = daemon.client()

        def plays_on(backend, health):
            status = client.status()
            return status["backend"] == backend and status["health"] in health
        client.do("/play", daemon.sound("loop.wav", harness.wav([1000] * 48000)), "loop", 1)
        client.do("/sync", 1)
        faults.until(lambda: plays_on("alsa", ["healthy", "degraded"]), "it plays on the card")
        clock, first = faults.Clock(client), faults.resources(daemon)
        for _ in range(n_times):
            faults.write(*take)
            faults.until(lambda: plays_on("null", ["recovering"]), "the timer goes on, and it says so", 5)
            faults.write(*give)
            faults.until(lambda: plays_on("alsa", ["healthy", "degraded"]), "the card plays again", 8)
            times.append(client.status()["backend_recovery"])
            time.sleep(0.3)
        status, lag, last = client.status(), clock.lag(), faults.resources(daemon)
        print(f"from loss to return, in seconds: min {min(times):.3f} median {statistics.median(times):.3f} worst "
              f"{max(times):.3f} of {n_times}; the frames are {lag * 1e3:+.1f} ms from the clock")
        print(f"descriptors, threads, KiB of its own at first and at the end: {first}, {last}")
        machine.expect(status["backend_losses"] == n_times, f"it was lost {n_times} times: {status['backend_losses']}")
        machine.expect(status["voices"] == 1, "the voice plays on")
        machine.expect(abs(lag) < 0.15, "no frame of the clock is missing")
        machine.expect(last[0] <= first[0] and last[1] <= first[1], "no descriptor or thread is left")
        machine.expect(last[2] - first[2] < 512, "no memory is lost")


machine.into_memory(harness.CHIMED, machine.DECODE, machine.GUARD)
usb, card = faults.usb_card()
with machine.fast_forward():
    with machine.check("snd-dummy is unbound and bound 20 times"):
        comes_and_goes("hw:Dummy,0,0", (f"{faults.DUMMY}/unbind", "snd_dummy.0"), (f"{faults.DUMMY}/bind", "snd_dummy.0"), 20)
    with machine.check("a USB card is taken away and given back 50 times"):
        comes_and_goes(f"hw:CARD={card}", (f"{usb}/authorized", "0"), (f"{usb}/authorized", "1"), 50)
machine.end()
