# SPDX-License-Identifier: MIT
# alsa-return.sh - a card goes and comes back again and again while chimed plays on it: so does the sound, by itself.
# modprobe: snd-dummy
# modprobe: xhci-pci
# modprobe: snd-usb-audio
# seconds: 400
# qemu: -device qemu-xhci -audiodev none,id=n -device usb-audio,audiodev=n,id=ua
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"

# One figure of chimed's status.
figure() { chime status | sed -n "s/^$1 *//p"; }

# Every frame of the clock is made, though the card is away.
follows_clock() {
    local frames uptime
    read -r frames uptime < <(chime status | awk '$1 == "frames" { f = $2 } $1 == "uptime" { u = $2 } END { print f, u }')
    awk -v f="$frames" -v u="$uptime" -v f0="$frames0" -v u0="$uptime0" \
        'BEGIN { d = (f - f0) / 48000 - (u - u0); print d, "s from the clock"; exit !(d < 0.15 && d > -0.15) }'
}

# comes_and_goes NAME DEVICE TIMES: `take` and `give` do it.
comes_and_goes() {
    local name=$1 i times=()
    check "$name: chimed opens it" chimed_start --device "$2" --period 256 --periods 4
    check "$name: a sound plays" chime play --loop noise.wav
    sleep 0.5
    read -r frames0 uptime0 < <(chime status | awk '$1 == "frames" { f = $2 } $1 == "uptime" { u = $2 } END { print f, u }')
    for ((i = 1; i <= $3; i++)); do
        take
        within 5 status_is backend null || check "$name: time $i: the timer goes on" false
        status_is health recovering || check "$name: time $i: it says so" false
        give
        within 8 status_is backend alsa || check "$name: time $i: the card plays again" false
        times+=("$(figure backend_recovery)")
        sleep 0.3
        [ $failed = 0 ] || break
    done
    check "$name: it was lost $3 times" status_is backend_losses "$3"
    check "$name: the voice plays on" within 1 status_is voices 1
    check "$name: no frame of the clock is missing" follows_clock
    check "$name: no descriptor is left open" test "$(find "/proc/$chimed/fd" -lname '/dev/snd/*' | wc -l)" -le 2
    echo "$name: from loss to return, in seconds: $(printf '%s\n' "${times[@]}" | sort -g |
        awk '{ t[NR] = $1 } END { print "min", t[1], "median", t[int((NR + 1) / 2)], "worst", t[NR], "of", NR }')"
    check "$name: chimed ends" chimed_stop
}

"$VM_DIR/noise.py" make noise.wav
warm "$(command -v awk)" "$(command -v sed)" "$(command -v grep)"

take() { echo snd_dummy.0 >/sys/bus/platform/drivers/snd_dummy/unbind; }
give() { echo snd_dummy.0 >/sys/bus/platform/drivers/snd_dummy/bind; }
comes_and_goes dummy hw:Dummy,0,0 20

usb=$(basename "$(dirname "$(grep -l 'QEMU USB Audio' /sys/bus/usb/devices/*/product)")")
card=$(basename "$(readlink -f /sys/bus/usb/devices/"$usb":1.0/sound/card*)")
take() { echo 0 >/sys/bus/usb/devices/"$usb"/authorized; }
give() { echo 1 >/sys/bus/usb/devices/"$usb"/authorized; }
comes_and_goes usb "hw:CARD=$(cat /proc/asound/"$card"/id)" 50
exit $failed
