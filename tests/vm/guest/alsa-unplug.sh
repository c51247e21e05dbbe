# SPDX-License-Identifier: MIT
# alsa-unplug.sh - the device goes while chimed plays on it: the kernel gets it back, and the daemon lives on.
# modprobe: snd-dummy
# shellcheck shell=bash source=tests/vm/lib.sh
. "$VM_DIR/lib.sh"
ends() { within 10 gone "$1" && wait "$1"; }
driver=/sys/bus/platform/drivers/snd_dummy

"$VM_DIR/noise.py" make noise.wav
check "chimed opens snd-dummy" chimed_start --device hw:Dummy,0,0 --period 256 --periods 4
check "a sound plays" chime play --loop noise.wav
sleep 0.5
check "the backend is alsa" status_is backend alsa

# The kernel holds whoever unbinds until every open file of the card is closed.
echo snd_dummy.0 >$driver/unbind &
unbind=$!
check "the unbind comes to its end" ends $unbind
check "the device is gone" test ! -e $driver/snd_dummy.0
check "the daemon answers" chime ping
check "the backend is null" within 5 status_is backend null
check "a sound plays to its end" chime play --wait noise.wav
check "the daemon says that it recovers" status_is health recovering
echo snd_dummy.0 >$driver/bind
check "the backend is alsa again" within 10 status_is backend alsa
check "a sound plays to its end on the card" chime play --wait noise.wav
check "chimed ends" chimed_stop
exit $failed
