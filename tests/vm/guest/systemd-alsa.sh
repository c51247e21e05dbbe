# SPDX-License-Identifier: MIT
# systemd-alsa.sh - the machine starts, and chimed.service plays on its card with the rights and limits of the unit.
# init: systemd
# seconds: 300
# qemu: -audiodev wav,id=w,path=$VM/card.wav,out.frequency=48000,out.format=s16 -device ich9-intel-hda -device hda-output,audiodev=w,mixer=off
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"
trap '[ $failed = 0 ] || journalctl --no-pager -u chimed -n 40 -o cat' EXIT

chime() { /usr/local/bin/chime "$@"; }
show() { systemctl show --value --property "$1" chimed.service; }
uptime_is() { cut -d ' ' -f 1 /proc/uptime; }

# What has come out of the card, behind the file's header, is not all zero.
card_sounds() { [ -n "$(tail -c +45 "$VM/card.wav" | tr -d '\0' | head -c 1)" ]; }

# thread_field TID N: a field of its stat, by its number in proc(5).
thread_field() { sed 's/.*) //' "/proc/$(show MainPID)/task/$1/stat" | cut -d ' ' -f $(($2 - 2)); }

# id_is KIND NUMBER-OR-PATTERN: Uid or Gid, effective, of the daemon.
id_is() { grep -Eq "^$1:\s+\S+\s+($2)\s" "/proc/$(show MainPID)/status"; }

# What the daemon's control group may open, whoever asks.
in_its_group() { sh -c "echo \$\$ >/sys/fs/cgroup/system.slice/chimed.service/cgroup.procs && : <$1"; }

# ---- from power-on to the first sound ----

"$VM_DIR/noise.py" make /usr/share/sounds/noise.wav
check "a sound plays" chime play --loop /usr/share/sounds/noise.wav
check "the card sounds" within 30 card_sounds
echo "power-on to the first sound: $(uptime_is) s by the guest's clock," \
    "$(($(stat -c %Y "$VM/card.wav") - $(stat -c %Y "$VM/plan"))) s by the host's"

# ---- the unit's rights and limits ----

check "it plays on ALSA" within 10 status_is backend alsa
check "it is healthy" within 10 status_is health healthy
thread=$(chime status | awk '$1 == "rt_thread" { print $2 }')
check "the audio thread has SCHED_FIFO" test "$(thread_field "$thread" 41)" = 1
check "the control thread has not" test "$(thread_field "$(show MainPID)" 41)" = 0
echo "priority of the audio thread: $(thread_field "$thread" 40);" \
    "$(grep VmLck "/proc/$(show MainPID)/status" | tr -s '\t ' ' ')"
check "memory is locked" test "$(awk '$1 == "VmLck:" { print $2 }' "/proc/$(show MainPID)/status")" -gt 10000
check "its user is a dynamic one" id_is Uid '6[1-5][0-9]{3}'
check "its group is audio" id_is Gid "$(getent group audio | cut -d : -f 3)"
check "it may open the card" in_its_group /dev/snd/controlC0
check "it may open no other device" fails in_its_group /dev/kmsg
# Warnings may be true here: of a clock that leaps, and of a thread that was woken late while it did.
doctor() {
    local status=0
    chime doctor --json >doctor.json || status=$?
    [ "$status" = 0 ] || chime doctor
    [ "$status" = 0 ] || [ "$status" = 10 ]
}
check "chime doctor sees no problem" doctor
finds() { grep -q "\"topic\":\"$1\",\"severity\":\"ok\",\"text\":\"[^\"]*$2" doctor.json; }
check "it sees the limits of the daemon" finds limits 'priority up to 95, locked memory without limit'
check "it sees who plays on the card" finds card 'chimed plays, 48000 Hz'
check "it sees that memory is locked" finds locked_memory 'nothing that sounds can be swapped out'
exposure=$(systemd-analyze --no-pager security chimed.service | sed -n 's/.*Overall exposure level for chimed.service: //p')
echo "exposure: $exposure"
check "the exposure is 1.5 at most" test "$(echo "${exposure%% *}" | tr -d .)" -le 15

# ---- a card that comes when the daemon runs already ----

no_driver() {
    # shellcheck disable=SC2046 # a list of words
    modprobe -qr snd-hda-intel snd-hda-codec-generic snd-seq-dummy $(awk '$1 ~ /^snd/ && $3 == 0 { print $1 }' /proc/modules)
    ! grep -q alsa /proc/devices
}

check "it stops" systemctl stop chimed.service chimed.socket
check "the card is taken away, and all of ALSA" within 10 no_driver
check "it starts without a card" systemctl start chimed.service
check "it says that it waits for one" within 5 status_is health recovering
modprobe snd-hda-intel
check "the card comes, and it plays on it" within 20 status_is backend alsa
check "it is healthy" within 10 status_is health healthy
check "it stops" systemctl stop chimed.service chimed.socket
exit $failed
