# SPDX-License-Identifier: MIT
# slow_disk.py - a file system that does not answer when it is told to: a server of the kernel's FUSE protocol, in a thread
# of the test (include/uapi/linux/fuse.h of the kernel has the structs and numbers).
import ctypes
import errno
import os
import stat
import struct
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
HEADER, READ_IN = struct.Struct("IIQQIIII"), struct.Struct("QQII")
LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 15, 18, 25, 26, 36, 42
ROOT, VALID_S = 1, 3600


class SlowDisk:
    """Files by name, in one folder, mounted at a path. Raises OSError where that is not allowed."""

    def __init__(self, path, files):
        self.path, self.files, self.names = path, files, sorted(files)
        self.awake, self.stalled_in, self.wanted = threading.Event(), None, None
        self.awake.set()
        os.mkdir(path)
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if LIBC.mount(b"slow", path.encode(), b"fuse", 0, options) != 0:
            os.close(self.fd)
            os.rmdir(path)
            raise OSError(ctypes.get_errno(), "mount")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.go_on()
        LIBC.umount2(self.path.encode(), MNT_DETACH)
        self.thread.join()
        os.close(self.fd)
        os.rmdir(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- its moods ----

    def stall(self, opcode):
        """From the next such request on nothing is answered."""
        self.wanted, self.stalled_in = opcode, None
        self.awake.clear()

    def is_stalled(self):
        return self.stalled_in is not None

    def go_on(self):
        self.wanted = None
        self.awake.set()

    def stall_for(self, opcode, seconds):
        """Begins with the next such request."""
        self.stall(opcode)

        def end():
            while not self.is_stalled() and self.wanted is not None:
                time.sleep(0.01)
            time.sleep(seconds)
            self.go_on()
        threading.Thread(target=end, daemon=True).start()

    # ---- the protocol ----

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, 1 << 20)
            except OSError as error:
                if error.errno == errno.EINTR or error.errno == errno.ENOENT:
                    continue
                return  # it is mounted no more
            _, opcode, unique, node, *_ = HEADER.unpack_from(request)
            if opcode == self.wanted or self.is_stalled():
                self.stalled_in = opcode
                self.awake.wait()
                self.stalled_in = None
            if opcode in (FORGET, INTERRUPT, BATCH_FORGET):
                continue
            try:
                error, data = 0, self.answer(opcode, node, request[HEADER.size:])
            except OSError as refused:
                error, data = -refused.errno, b""
            try:
                os.write(self.fd, struct.pack("IiQ", 16 + len(data), error, unique) + data)
            except OSError as gone:  # who had asked has been killed
                if gone.errno != errno.ENOENT:
                    return

    def attributes(self, node):
        n_bytes = 0 if node == ROOT else len(self.files[self.names[node - 2]])
        mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o644
        return struct.pack("QQQQQQIIIIIIIIII", node, n_bytes, (n_bytes + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0,
                           4096, 0)

    def answer(self, opcode, node, body):
        if opcode == INIT:
            return struct.pack("IIIIHHIIHHI28x", 7, 31, 0, 0, 8, 8, 4096, 1, 0, 0, 0)
        if opcode == LOOKUP:
            name = body.split(b"\0")[0].decode()
            if name not in self.files:
                raise OSError(errno.ENOENT, name)
            found = self.names.index(name) + 2
            return struct.pack("QQQQII", found, 0, VALID_S, VALID_S, 0, 0) + self.attributes(found)
        if opcode == GETATTR:
            return struct.pack("QII", VALID_S, 0, 0) + self.attributes(node)
        if opcode == OPEN:
            return struct.pack("QII", 0, 0, 0)
        if opcode == READ:
            _, offset, n_bytes, _ = READ_IN.unpack_from(body)
            return self.files[self.names[node - 2]][offset:offset + n_bytes]
        if opcode in (RELEASE, FLUSH):
            return b""
        raise OSError(errno.ENOSYS, "not there")
