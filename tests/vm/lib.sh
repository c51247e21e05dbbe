# SPDX-License-Identifier: MIT
# lib.sh - what guest scripts share: checks, waiting with a limit, and a chimed to test.
# shellcheck shell=bash
CHIMED=$BUILD/engine/chimed
SOCKET=/run/test/chimed.sock
# shellcheck disable=SC2034 # for the script that reads this file
failed=0

# check TEXT COMMAND...: a line of the report; a script ends with `exit $failed`.
check() {
    local text=$1
    shift
    if "$@"; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        failed=1
    fi
}

# within SECONDS COMMAND...: repeats the command until it succeeds; shows what it said last if it never does.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >within.log 2>&1; do
        [ $SECONDS -lt $end ] || { cat within.log && return 1; }
        sleep 0.02
    done
}

fails() { ! "$@"; }

gone() { ! kill -0 "$1" 2>/dev/null; }

# fast_forward COMMAND...: lets the clock leap over all waiting, so that minutes pass in seconds. For commands that
# read no file of the host: see guest-init.
fast_forward() {
    local status=0
    kill -STOP "$AWAKE"
    "$@" || status=$?
    kill -CONT "$AWAKE"
    return $status
}

# Reads programs and their libraries once, so that they run from memory later: an audio thread that waits for the
# host to read a page of its code has an xrun for nothing.
warm() {
    local program
    for program in "$@"; do
        { echo "$program" && ldd "$program" | grep -o '/[^ ]*'; } | xargs cat >/dev/null
    done
}

chime() { "$BUILD/clients/chime" --url "osc.unix://$SOCKET" "$@"; }

# status_is NAME PATTERN: one value of chimed's status, whole, as an extended regular expression.
status_is() { chime status | grep -Eq "^$1 +($2)\$"; }

# chimed_start ARGUMENTS...: sets `chimed`, its process id; its log is chimed.log.
chimed_start() {
    warm "$CHIMED" "$BUILD/clients/chime"
    "$CHIMED" --backend alsa --rate 48000 --socket $SOCKET --udp-port 0 "$@" 2>chimed.log &
    chimed=$!
    within 10 chime ping
}

# Fails when the daemon does not leave by itself with status 0.
chimed_stop() {
    kill -TERM "$chimed"
    within 5 gone "$chimed" && wait "$chimed"
}

trap '[ $failed = 0 ] || tail -n 20 chimed.log' EXIT
