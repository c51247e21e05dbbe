# SPDX-License-Identifier: MIT
# suspend.py - sends the machine of a guest script with `init: memory` to sleep, and sees what a service manager would.
import collections
import errno
import os
import socket
import threading
import time

import faults

ALARM = "/sys/class/rtc/rtc0/wakealarm"
LONGEST_S = 4  # the clock of the board knows whole seconds
BRIDGE, POWER_REGISTERS = "/sys/bus/pci/devices/0000:00:1f.0/config", 0x40

# When it began and ended (CLOCK_MONOTONIC), and when it ended by the clock that goes on while the machine sleeps; for how long
# all threads stood still around it, and for how long it slept.
Sleep = collections.namedtuple("Sleep", "began ended boot_time still_s asleep_s")


def boot_time():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def sleep():
    """To memory (S3), until the clock of the board wakes it. None when that was too early."""
    with open(BRIDGE, "r+b", buffering=0) as bridge:
        bridge.seek(POWER_REGISTERS)
        registers = bridge.read(8)
        faults.write(ALARM, "0")
        faults.write(ALARM, f"+{LONGEST_S}")
        began, boot = time.monotonic(), boot_time()
        try:
            faults.write("/sys/power/state", "mem")
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return None
        ended, woke = time.monotonic(), boot_time()
        # The emulator's firmware does not set up again where power management is: the next sleep would never begin.
        bridge.seek(POWER_REGISTERS)
        bridge.write(registers)
    return Sleep(began, ended, woke, ended - began, woke - boot - (ended - began))


class Manager:
    """Listens as the service manager does: when was the watchdog fed?"""

    def __init__(self, name, patience_s):
        self.address, self.fed = f"\0manager {name}", []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.environment = {"NOTIFY_SOCKET": f"@{self.address[1:]}", "WATCHDOG_USEC": str(patience_s * 1000000)}
        self.thread = threading.Thread(target=self.listen)

    def listen(self):
        while state := self.socket.recv(4096):
            if b"WATCHDOG=1" in state:
                self.fed.append(time.monotonic())

    def gaps(self):
        return [after - before for before, after in zip(self.fed, self.fed[1:])]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.address)
        self.thread.join()
        self.socket.close()
