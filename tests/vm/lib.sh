# SPDX-License-Identifier: MIT
# lib.sh - what guest scripts share: checks, waiting with a limit, and a chimed to test.
# shellcheck shell=bash
CHIMED=$BUILD/engine/chimed
SOCKET=/run/work/chimed.sock
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

# within SECONDS COMMAND...: repeats the command until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

fails() { ! "$@"; }

gone() { ! kill -0 "$1" 2>/dev/null; }

# Reads programs and their libraries once, so that they run from memory later. While a file of the host is
# read the guest idles, and its clock, which does not wait when all idle, runs far ahead: an xrun for nothing.
warm() {
    local program
    for program in "$@"; do
        { echo "$program" && ldd "$program" | grep -o '/[^ ]*'; } | xargs cat >/dev/null
    done
}

chime() { "$BUILD/clients/chime" --url "osc.unix://$SOCKET" "$@"; }

# chimed_start ARGUMENTS...: sets `chimed`, its process id; its log is chimed.log.
chimed_start() {
    warm "$CHIMED" "$BUILD/clients/chime"
    "$CHIMED" --backend alsa --rate 48000 --socket $SOCKET --udp-port 0 "$@" 2>chimed.log &
    chimed=$!
    within 10 chime ping >ping.log 2>&1 && return
    cat ping.log chimed.log
    return 1
}

# Fails when the daemon does not leave by itself with status 0.
chimed_stop() {
    kill -TERM "$chimed"
    within 5 gone "$chimed" && wait "$chimed" && return
    cat chimed.log
    return 1
}
