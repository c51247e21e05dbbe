# SPDX-License-Identifier: MIT
# container.sh - boots a real systemd in a container, on a throw-away layer over a root file system; for scripts that read it.
#
# What it mounts and starts lives in namespaces of its own, which go with the script, however that ends.
# shellcheck shell=bash

cannot() {
    echo "$(basename "$(dirname "$0")"): cannot run here: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# need_packages NAME...: root installs what is missing; its log goes to $out.
need_packages() {
    local package missing=()
    for package; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
        >"$out/apt.log" 2>&1 </dev/null || cannot "apt-get did not install ${missing[*]}: $(tail -n 1 "$out/apt.log")"
}

# container_begin ARGUMENT...: runs the calling script again, with these arguments, where its mounts and processes are its own.
container_begin() {
    [ "${CHIMED_CONTAINER:-}" = "$0" ] && return
    [ "$(id -u)" = 0 ] || cannot "only root can boot a container"
    unshare --mount --pid --fork true 2>/dev/null || cannot "this kernel or container gives no namespaces"
    export CHIMED_CONTAINER=$0 CHIMED_MACHINE=chimed-test-$$
    exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
}

# The folders of the control groups that systemd uses.
cgroup_folders() {
    awk '$3 == "cgroup2" || $3 == "cgroup" && $4 ~ /name=systemd/ { print $2 }' /proc/self/mounts
}

# Where systemd does not run, nspawn leaves the container in our control group: each has one of its own there, for two that
# share one would see each other's services.
cgroup_enter() {
    local folder
    for folder in $(cgroup_folders); do
        mkdir "$folder/$CHIMED_MACHINE"
        echo 0 >"$folder/$CHIMED_MACHINE/cgroup.procs"
    done
}

cgroup_leave() {
    local folder
    for folder in $(cgroup_folders); do
        [ -d "$folder/$CHIMED_MACHINE" ] || continue
        echo 0 >"$folder/cgroup.procs"
        find "$folder/$CHIMED_MACHINE" -depth -type d -exec rmdir {} +
    done
}

# container_root LOWER: mounts an empty layer over LOWER; sets `root`, the folder in which both are seen.
container_root() {
    local layer
    layer=$(mktemp -d)
    mount -t tmpfs -o mode=755 layer "$layer" || cannot "no mounts are allowed"
    mkdir "$layer"/{files,work,root}
    root=$layer/root
    mount -t overlay -o "lowerdir=$1,upperdir=$layer/files,workdir=$layer/work" overlay "$root"
    rm -f "$root/.dockerenv"
    : >"$root/etc/fstab"
    # What the host keeps in /tmp is not systemd's to clean.
    mkdir -p "$root/etc/tmpfiles.d" "$root/chimed-test"
    ln -sf /dev/null "$root/etc/tmpfiles.d/tmp.conf"
    ln -sf /dev/null "$root/etc/tmpfiles.d/x11.conf"
}

# The unit that runs /chimed-test/script and switches off, and the target to boot to: $1 is what that waits for.
write_test_units() {
    local units=$root/etc/systemd/system
    cat >"$units/guest.target" <<END
[Unit]
Requires=$1 guest.service
After=$1
AllowIsolate=yes
END
    cat >"$units/guest.service" <<END
[Unit]
After=$1
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'sh /chimed-test/script >/chimed-test/log 2>&1; echo \$\$? >/chimed-test/status'
END
}

# container_boot SECONDS COMMAND: boots `root`, runs the shell command there as root, prints what it says, and returns its
# status. $target is what is booted before (basic.target). Not more than SECONDS.
container_boot() {
    local keep=() status
    printf 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\ncd /chimed-test\n%s\n' "$2" \
        >"$root/chimed-test/script"
    rm -f "$root/chimed-test/"{log,status}
    write_test_units "${target:-basic.target}"
    if [ ! -d /run/systemd/system ]; then
        keep=(--keep-unit)
        cgroup_enter
    fi
    timeout -k 5 "$1" systemd-nspawn -q -D "$root" -M "$CHIMED_MACHINE" --register=no "${keep[@]}" --private-network \
        --link-journal=no -b systemd.unit=guest.target systemd.show_status=0 \
        systemd.mask=console-getty.service </dev/null >"$root/chimed-test/console" 2>&1 || true
    cgroup_leave
    status=$(cat "$root/chimed-test/status" 2>/dev/null || echo none)
    [ ! -f "$root/chimed-test/log" ] || sed 's/^/   /' "$root/chimed-test/log"
    [ "$status" = none ] || return "$status"
    echo "systemd did not come to its end within $1 s; it said:"
    tail -n 20 "$root/chimed-test/console"
    return 1
}
