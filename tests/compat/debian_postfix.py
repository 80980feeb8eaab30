"""Where Debian's own Postfix is unpacked (not installed), to be compared with.

POSTFIX_ROOT names the folder; otherwise the package is downloaded once and unpacked below the
build folder."""
import os
import pathlib
import subprocess

import harness


def root():
    """The folder that holds usr/sbin/postmap, None when there is no way to get it."""
    named = os.environ.get("POSTFIX_ROOT")
    if named:
        return pathlib.Path(named)
    folder = harness.BUILD / "debian-postfix"
    if not (folder / "usr/sbin/postmap").exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", "-q", "download", "postfix"], cwd=folder, check=True, timeout=120,
                           capture_output=True)
            for package in folder.glob("postfix_*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, folder], check=True, timeout=60, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            return None
    return folder if (folder / "usr/sbin/postmap").exists() else None
