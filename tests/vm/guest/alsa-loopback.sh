# SPDX-License-Identifier: MIT
# alsa-loopback.sh - what chimed plays at unity gain leaves a kernel device bit by bit as it is in the file.
# modprobe: snd-aloop pcm_substreams=1
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"

plays_exactly() { # FORMAT
    local recorder
    printf '[output]\nformat = %s\n' "$1" >"$1.conf"
    # snd-aloop runs on the kernel's tick of 4 ms: it needs a buffer of several ticks, of 192 frames each.
    check "$1: chimed opens snd-aloop" chimed_start -c "$1.conf" --device hw:Loopback,0,0 --period 256 --periods 4
    check "$1: with this format, mmap and buffer" status_is device "hw:Loopback,0,0 ${1^^} mmap 256 x 4"

    arecord -q -D hw:Loopback,1,0 -t raw -f "${1^^}_LE" -r 48000 -c 2 "$1.raw" 2>arecord.log &
    recorder=$!
    check "$1: the recorder runs" within 5 test -s "$1.raw"
    check "$1: chime plays the file" chime play --wait noise.wav
    sleep 0.5 # the rest of the buffers, and silence behind
    kill -TERM $recorder
    wait $recorder
    check "$1: every frame is there" "$VM_DIR/noise.py" find noise.wav "$1.raw" "$1"
    check "$1: without an xrun" status_is xruns 0
    check "$1: chimed ends" chimed_stop
}

"$VM_DIR/noise.py" make noise.wav
warm "$(command -v arecord)"
plays_exactly s16
plays_exactly s32

# The comparison itself must see a single wrong bit.
"$VM_DIR/noise.py" spoil s16.raw
check "the comparison sees one wrong bit" fails "$VM_DIR/noise.py" find noise.wav s16.raw s16
exit $failed
