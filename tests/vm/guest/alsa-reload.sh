# SPDX-License-Identifier: MIT
# alsa-reload.sh - a reload opens the card anew with another period or format, or another card, while a loop plays on.
# modprobe: snd-dummy pcm_substreams=1
# modprobe: snd-aloop pcm_substreams=1
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"

figure() { chime status | sed -n "s/^$1 *//p"; }

# configure DEVICE PERIOD FORMAT
configure() {
    printf '[paths]\nsound_folder = %s\n[output]\ndevice = %s\nperiod = %s\nperiods = 4\nformat = %s\n' \
        "$PWD" "$1" "$2" "$3" >chimed.conf
}

# Every frame of the clock is made, whatever plays.
follows_clock() {
    local frames uptime
    read -r frames uptime < <(chime status | awk '$1 == "frames" { f = $2 } $1 == "uptime" { u = $2 } END { print f, u }')
    awk -v f="$frames" -v u="$uptime" -v f0="$frames0" -v u0="$uptime0" \
        'BEGIN { d = (f - f0) / 48000 - (u - u0); print d, "s from the clock"; exit !(d < 0.15 && d > -0.15) }'
}

# is_open DEVICE PERIOD FORMAT: as the kernel has it.
is_open() {
    local params=/proc/asound/$1/pcm0p/sub0/hw_params
    grep -qx "period_size: $2" "$params" && grep -qx "format: $3" "$params"
}

"$VM_DIR/noise.py" make noise.wav
warm "$(command -v awk)" "$(command -v sed)" "$(command -v grep)"
configure hw:CARD=Dummy 256 s16
check "chimed opens the card" chimed_start --config "$PWD/chimed.conf"
check "a sound plays" chime play --loop noise.wav
sleep 0.5
read -r frames0 uptime0 < <(chime status | awk '$1 == "frames" { f = $2 } $1 == "uptime" { u = $2 } END { print f, u }')

# The card takes one program at a time: it has to be given up first.
for period in 512 128 1024; do
    configure hw:CARD=Dummy $period s16
    check "a period of $period is taken" chime reload
    check "the card is opened with it" within 5 is_open Dummy $period S16_LE
    check "it plays" within 5 status_is period $period
    check "it is the card that plays" within 5 status_is backend alsa
done
# A format that the card does not have: it has to be given up to learn that, and comes back as it was.
configure hw:CARD=Dummy 1024 s32
check "a format that it refuses is no error" chime reload
check "it is told" within 5 status_is health_why ".*plays with earlier settings, for alsa does not with the new ones: .*"
check "the card is opened as before" within 5 is_open Dummy 1024 S16_LE
check "it is the card that plays, not the timer" within 5 status_is backend alsa
configure hw:CARD=Dummy 512 s16
check "the next settings are taken" chime reload
check "the card is opened with them" within 5 is_open Dummy 512 S16_LE
check "it is healthy" within 5 status_is health healthy
configure hw:CARD=Dummy 1024 s16
check "and these" chime reload
check "the card is opened with these" within 5 is_open Dummy 1024 S16_LE
check "it is the card that plays again" within 5 status_is backend alsa

# A card that there is not: the one that plays goes on.
configure hw:CARD=None 1024 s16
check "a card that there is not is no error" chime reload
check "it is told" within 5 status_is health_why ".*plays with earlier settings, for alsa does not with the new ones: .*"
check "the other one plays on" is_open Dummy 1024 S16_LE

# A card that is free: one after the other, without the timer between them.
configure hw:CARD=Loopback 256 s16
check "another card is taken" chime reload
check "it is opened" within 5 is_open Loopback 256 S16_LE
check "the first one is closed" within 5 grep -qx closed /proc/asound/Dummy/pcm0p/sub0/hw_params
check "it plays" within 5 status_is period 256
configure hw:CARD=Loopback 256 s32
check "another format is taken" chime reload
check "the card is opened with it" within 5 is_open Loopback 256 S32_LE
check "the card plays" within 5 status_is backend alsa

check "no backend was lost" status_is backend_losses 0
check "the voice plays on" status_is voices 1
check "no xrun is ours" status_is xruns_ours 0
check "no frame of the clock is missing" follows_clock
check "no descriptor is left open" test "$(find "/proc/$chimed/fd" -lname '/dev/snd/*' | wc -l)" -le 2
sed -n 's/.*null, \|.*backend: /backend: /p' chimed.log | tail -n 20
check "chimed ends" chimed_stop
exit $failed
