# SPDX-License-Identifier: MIT
# soak.py - virtual hours in which cards and servers come and go, clocks jump, the daemon is stopped and clients flood it.
# modprobe: snd-dummy enable=1,1 id=Server,Card
# modprobe: xhci-pci
# modprobe: snd-usb-audio
# seconds: 60000
# qemu: -device qemu-xhci -audiodev none,id=n -device usb-audio,audiodev=n,id=ua
import collections
import os
import random
import signal
import time

import machine
import faults
import harness
import traffic

HOURS, SEED = float(os.environ.get("CHIMED_VM_HOURS", "0.5")), int(os.environ.get("CHIMED_VM_SEED", "1"))
N_FAULTS = round(20 + 10 * HOURS)
PERIOD = 2048
PATIENCE_S = 15


class Soak:
    """Faults of every kind, one after the other; each ends with everything as it was before."""

    def __init__(self, daemon, jackd, usb):
        self.daemon, self.jackd, self.usb = daemon, jackd, usb
        self.random, self.client = random.Random(SEED), daemon.client()
        self.counts, self.recoveries, self.stopped_s = collections.Counter(), collections.defaultdict(list), 0
        self.traffic = traffic.Traffic(daemon, SEED)
        self.kinds = [self.kill_server, self.take_card, self.take_usb, self.step_clock, self.stop_daemon, self.flood,
                      self.play, self.switch]

    def pause(self, most_s):
        time.sleep(self.random.uniform(0.01, most_s))

    def some_play(self):
        self.traffic.run(self.random.uniform(0.1, 0.5), per_second=300)

    # ---- the faults ----

    def kill_server(self):
        self.jackd.kill()
        self.pause(3)
        if self.random.random() < 0.5:
            self.some_play()
        self.jackd.start()

    def take_card(self):
        """While the server is away, so that it is the one that plays; or while it only waits."""
        is_used = self.random.random() < 0.5
        if is_used:
            self.jackd.kill()
            self.pause(1)
        faults.write(f"{faults.DUMMY}/unbind", "snd_dummy.1")
        self.pause(3)
        faults.write(f"{faults.DUMMY}/bind", "snd_dummy.1")
        self.pause(1)
        if is_used:
            self.jackd.start()

    def take_usb(self):
        is_used = self.random.random() < 0.5
        if is_used:
            self.client.call("/backend", f"alsa:hw:CARD={self.usb[1]}")
        faults.write(f"{self.usb[0]}/authorized", "0")
        self.pause(3)
        faults.write(f"{self.usb[0]}/authorized", "1")
        self.pause(1)
        if is_used:
            self.client.call("/backend", "auto")

    def step_clock(self):
        step_s = self.random.choice([-1, 1]) * 10 ** self.random.uniform(-2, 5)
        time.clock_settime(time.CLOCK_REALTIME, max(time.time() + step_s, 1e9))

    def stop_daemon(self):
        seconds = self.random.uniform(0.05, 2)
        began = time.monotonic()
        self.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.daemon.process.send_signal(signal.SIGCONT)
        self.stopped_s += time.monotonic() - began

    def flood(self):
        """As fast as the socket takes it, half of it nonsense; nobody reads the answers."""
        client = self.daemon.client()
        client.socket.settimeout(5)
        for _ in range(self.random.randrange(200, 2000)):
            if self.random.random() < 0.5:
                packet = harness.osc(*self.traffic.request())
            else:
                packet = self.random.randbytes(4 * self.random.randrange(1, 40))
            client.send(packet)
        client.close()
        self.daemon.clients.remove(client)

    def play(self):
        self.traffic.run(self.random.uniform(0.5, 2), per_second=300)

    def switch(self):
        names = ["null", "jack", "alsa:hw:Card", f"alsa:hw:CARD={self.usb[1]}", "alsa:hw:None"]
        for _ in range(self.random.randrange(1, 4)):
            self.client.call("/backend", self.random.choice(names))
            self.pause(1)
        self.client.call("/backend", "auto")

    # ---- the whole ----

    def is_well(self):
        status = self.client.status()
        return status["backend"] == "jack" and status["health"] in ("healthy", "degraded")

    def run_one(self):
        fault = self.random.choice(self.kinds)
        name = fault.__name__
        try:
            fault()
            ended = time.monotonic()
            self.recoveries[name].append(faults.until(self.is_well, "it plays on the best backend", PATIENCE_S) - ended)
        except AssertionError as error:
            raise AssertionError(f"{name}, fault {sum(self.counts.values()) + 1}: {error}") from error
        self.counts[name] += 1
        print(f"{time.monotonic():.0f} s: {name}, well after {self.recoveries[name][-1]:.3f} s", flush=True)

    def calm(self):
        """Nothing plays, nothing waits: what the daemon holds then can be compared."""
        for path, *words in ("/clear", "all"), ("/stop", "all"), ("/sound/unload", "t4"), ("/sync", 1):
            self.client.call(path, *words)
        self.client.settle()
        faults.until(lambda: self.client.status()["voices"] == 0, "the voices end")
        time.sleep(6)  # what was refused or put off has been tried again
        return faults.resources(self.daemon)


def soak(daemon, jackd, usb):
    s = Soak(daemon, jackd, usb)
    faults.until(s.is_well, "it plays")
    clock, figures, lags = faults.Clock(s.client), [], [0.0]
    gap_s = HOURS * 3600 / N_FAULTS
    for i in range(N_FAULTS):
        stopped_s = s.stopped_s
        s.run_one()
        lags.append(clock.lag())
        moved = lags[-1] - lags[-2]
        machine.expect(-0.15 < moved < s.stopped_s - stopped_s + 0.15, f"fault {i + 1}: the frames moved {moved:.3f} s")
        if i == N_FAULTS // 2:
            figures.append(s.calm())
        time.sleep(s.random.expovariate(1 / gap_s))
    figures.append(s.calm())
    return s, clock, figures, lags


def report(s, clock, figures, lags):
    status, hours = s.client.status(), (time.monotonic() - clock.seconds) / 3600
    print(f"{hours:.2f} virtual hours, {sum(s.counts.values())} faults, seed {SEED}")
    for name, times in sorted(s.recoveries.items()):
        times.sort()
        print(f"{name}: {len(times)} times, all well again after: min {times[0]:.3f} median {times[len(times) // 2]:.3f} "
              f"worst {times[-1]:.3f} s")
    print(f"stopped for {s.stopped_s:.1f} s; the frames are {lags[-1]:.3f} s behind the clock, of these without a stop "
          f"{lags[-1] - s.stopped_s:.3f}")
    print(f"descriptors, threads, KiB of its own after half of the faults and at the end: {figures}")
    names = ("xruns xruns_ours xruns_late xruns_device backend_losses clock_steps voices_started voices_refused errors "
             "bad_packets packets packets_lost late answers_lost decoders_failed rt_page_faults")
    print(", ".join(f"{name} {status[name]}" for name in names.split()))
    machine.expect(status["decoders_failed"] == 0, "no decoder failed")
    machine.expect(figures[1][0] <= figures[0][0] + 1 and figures[1][1] <= figures[0][1], "no descriptor or thread more")
    machine.expect(figures[1][2] - figures[0][2] < 4096, "no memory lost")


machine.into_memory(harness.CHIMED, machine.DECODE, machine.GUARD, *faults.Jackd.programs())
server = faults.Jackd("Server", PERIOD)
usb = faults.usb_card()
print(f"seed {SEED}, {HOURS} hours, {N_FAULTS} faults", flush=True)
with machine.fast_forward(), machine.check("the soak"):
    server.start()
    with harness.Daemon("--period", str(PERIOD), backend=f"jack, alsa:hw:Card, alsa:hw:CARD={usb[1]}, null",
                        config=f"[output]\njack_server = {faults.SERVER}\n") as daemon:
        report(*soak(daemon, server, usb))
    server.kill()
machine.end()
