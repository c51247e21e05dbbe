# SPDX-License-Identifier: MIT
# tree.py - the source files of the tree, for the structure tests.
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["alloc", "mixer", "engine", "clients", "tests", "bench", "docs", "systemd", "scripts", ".ci"]


def files(folders=None):
    """Paths from the root, sorted; what builds leave behind is not among them."""
    found = [name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name))] if folders is None else []
    for folder in folders or FOLDERS:
        for where, below, names in os.walk(os.path.join(ROOT, folder)):
            below[:] = [name for name in below if name not in ("__pycache__", "build")]
            found += [os.path.relpath(os.path.join(where, name), ROOT) for name in names]
    return sorted(name for name in found if not name.endswith((".pyc", "~")))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def report(errors, n_checked, what):
    """Prints what is wrong and returns the exit status. Nothing to check is wrong too."""
    for error in errors:
        print(error)
    print(f"{n_checked} {what} checked, {len(errors)} wrong")
    return 1 if errors or n_checked == 0 else 0
