#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh - installs, upgrades, removes and purges the packages on a clean system that runs systemd, as its administrator would.
set -u
packages=/chimed-test/packages
sound=/usr/share/sounds/freedesktop/stereo/bell.oga
failed=0

# check TEXT COMMAND...: a line of the report.
check() {
    text=$1
    shift
    if "$@" >/tmp/check.log 2>&1; then
        echo "ok - $text"
        grep '^time: ' /tmp/check.log
    else
        echo "not ok - $text: $*"
        sed 's/^/    /' /tmp/check.log
        failed=1
    fi
}

fails() { ! "$@"; }

# within SECONDS COMMAND...: until it succeeds.
within() {
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

timed() {
    local what=$1 began
    began=$(date +%s%3N)
    shift
    "$@"
    status=$?
    echo "time: $what: $(($(date +%s%3N) - began)) ms"
    return "$status"
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confold "$@" >/tmp/apt.log 2>&1 ||
    { cat /tmp/apt.log && return 1; }; }

install() { apt install --allow-downgrades "$packages/$1"/libchime0_*.deb "$packages/$1"/chimed_*.deb; }

version() { dpkg-query -W -f '${Version}' chimed; }
version_is() { [ "$(version)" = "$(dpkg-deb -f "$packages/$1"/chimed_*.deb Version)" ]; }
pid() { systemctl show --value --property MainPID chimed.service; }
is() { [ "$(systemctl "is-$1" "$2")" = "$3" ]; }
status_is() { chime status | grep -Eq "^$1 +($2)\$"; }

# The daemon itself opens the file.
play_by_name() (
    exec 3<>/dev/tcp/127.0.0.1/57300
    echo "play $sound" >&3
    read -r -t 5 answer <&3
    echo "$answer"
    [[ $answer == *done* ]]
)

# What there is on this system, without what changes by itself.
inventory() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /chimed-test -o \
        -path /var/log -o -path /var/cache -o -path /var/tmp -o -path /var/lib/dpkg -o -path /var/lib/apt -o \
        -path /var/lib/systemd -o -path '/etc/*-' -o -path /etc/systemd/system/guest.\* \) -prune -o -print | LC_ALL=C sort
    find /run /var/cache /var/log /var/lib/systemd /dev/shm -name '*chime*' 2>/dev/null
    getent passwd
    getent group
}

# What the administrator has changed stays.
touch_configuration() {
    echo '# changed' >>/etc/chimed/chimed.conf
    echo '# changed' >>/etc/default/chimed
}
is_touched() { grep -q '^# changed' /etc/chimed/chimed.conf && grep -q '^# changed' /etc/default/chimed; }

useradd --no-create-home --groups audio member
useradd --no-create-home stranger
mkdir -p /var/lib/private
chmod 700 /var/lib/private # systemd's own, from the first DynamicUser= on
inventory >/tmp/before

echo "# installation"
check "it is installed" timed "installation" install 1
for unit in chimed.service chimed.socket; do
    check "$unit is enabled" is enabled $unit enabled
    check "$unit is active" is active $unit active
done
check "the user's unit is not enabled" fails test -e /etc/systemd/user/default.target.wants/chimed.service
check "metrics over HTTP are not enabled" is enabled chimed-metrics.socket disabled
check "nor active" is active chimed-metrics.socket inactive
check "it plays for root" chime play --wait $sound
check "for a member of group audio" runuser -u member -- chime play --wait $sound
check "for nobody else" fails runuser -u stranger -- chime play $sound
check "by a file's name, over TCP" play_by_name
check "its manual pages are there" test -e /usr/share/man/man8/chimed.8.gz
check "it finds nothing wrong with its configuration" chimed --check-config
check "the test of the package for a running system" sh /chimed-test/service

echo "# upgrade"
touch_configuration
chime play --loop --gain -20 $sound >/dev/null
check "a loop plays" within 5 status_is voices 1
sleep 1.5 # the state is written once a second
before=$(pid)
check "it is upgraded" timed "upgrade" install 2
check "to the next version" version_is 2
check "another process runs" test "$(pid)" != "$before" -a "$(pid)" != 0
check "it answers" within 5 chime ping
check "the loop plays on" within 5 status_is voices 1
check "it stays enabled" is enabled chimed.service enabled
check "the changed configuration is kept" is_touched
check "it plays" chime play --wait $sound

echo "# removal"
check "the unit of a card and that of the metrics are switched on" systemctl start chimed@A.service chimed-metrics.socket
check "it is removed" timed "removal" apt remove chimed libchime0
check "nothing of it runs" fails pgrep chime
check "its sockets are gone" fails ls /run/chimed/chimed.sock /run/chimed/chimed.stream
check "its units are gone" fails systemctl cat chimed.service chimed.socket
check "the configuration stays" is_touched
check "it comes back with it" install 2
check "and is active" is active chimed.service active
check "with the configuration as it was" is_touched

echo "# a service that was switched off stays off"
systemctl --quiet disable --now chimed.service chimed.socket
check "it is installed again" install 1
check "it is disabled" is enabled chimed.service disabled
check "it is inactive" is active chimed.service inactive

echo "# purge"
check "it is purged" timed "purge" apt purge chimed libchime0
inventory >/tmp/after
check "nothing is left" diff /tmp/before /tmp/after
check "no unit has failed" test -z "$(systemctl list-units --failed --no-legend 'chime*')"
exit $failed
