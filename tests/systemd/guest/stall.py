# SPDX-License-Identifier: MIT
# stall.py - threads of another process that stand still, whatever they wait for, as in a driver that hangs: by ptrace(2).
import contextlib
import ctypes
import os
import signal

PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000


def audio_threads(pid):
    """Those that play or could: of each backend and of the timer."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as file:
            if file.read() == "chimed-audio\n":
                found.append(int(thread))
    return found


def _hold(threads, ready):
    """Stops them, says so, and waits for their end: else they would stay as zombies, and their process with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p
    libc.ptrace.restype = ctypes.c_long
    for thread in threads:
        for request in PTRACE_SEIZE, PTRACE_INTERRUPT:
            if libc.ptrace(request, thread, None, None) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        os.waitpid(thread, WALL)
    os.write(ready, b"1")
    left = set(threads)
    while left:
        thread, status = os.waitpid(-1, WALL)
        if not os.WIFSTOPPED(status):
            left.discard(thread)
    signal.pause()


@contextlib.contextmanager
def stalled(threads):
    """While the block runs, or to their end."""
    is_ready, ready = os.pipe()
    holder = os.fork()
    if holder == 0:
        try:
            _hold(threads, ready)
        finally:
            os._exit(1)
    os.close(ready)
    try:
        if os.read(is_ready, 1) != b"1":
            raise AssertionError(f"threads {threads} cannot be stopped")
        yield
    finally:
        os.kill(holder, signal.SIGKILL)  # and they go on, if they are still there
        os.waitpid(holder, 0)
        os.close(is_ready)
