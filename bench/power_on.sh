# SPDX-License-Identifier: MIT
# power_on.sh - what bench/power_on runs in the machine: a sound, as soon as there is a daemon to play it.
# init: systemd
# seconds: 120
# qemu: -audiodev wav,id=w,path=$VM/card.wav,out.frequency=48000,out.format=s16 -device ich9-intel-hda -device hda-output,audiodev=w,mixer=off
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"
trap - EXIT

# What has come out of the card, behind the file's header, is not all zero.
card_sounds() { [ -n "$(tail -c +45 "$VM/card.wav" | tr -d '\0' | head -c 1)" ]; }

# A second of noise: 16 bits, stereo, 48000 Hz.
{
    printf 'RIFF\x24\xee\x02\0WAVEfmt \x10\0\0\0\1\0\2\0\x80\xbb\0\0\0\xee\2\0\4\0\x10\0data\0\xee\2\0'
    head -c 192000 /dev/urandom
} >/usr/share/sounds/noise.wav
/usr/local/bin/chime play --loop /usr/share/sounds/noise.wav || exit 1
within 60 card_sounds || exit 1
systemd-analyze time 2>/dev/null || true
systemctl show --property ActiveEnterTimestampMonotonic chimed.service
