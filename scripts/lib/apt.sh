# Installs packages of Debian and its like. For `source`.

apt_lib=${BASH_SOURCE[0]}
apt_options=(--yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=300)

# Installs packages, whose services neither run after that nor start with the machine. On failure
# `apt_problem` says why.
apt_install() {
    local file log
    apt_problem="there is no apt-get to install it"
    command -v apt-get >/dev/null || return 1
    apt_problem="installing it needs root: apt-get install $*"
    ((EUID == 0)) || return 1
    file=$(mktemp)
    exec {log}<>"$file"
    rm "$file"
    # In a session of its own, and not into a pipe: what is begun ends, with the services switched
    # off, whatever becomes of this script.
    if ! setsid --wait bash -c 'source "$0" && apt_install_without_services "$@"' \
        "$apt_lib" "$@" >&"$log" 2>&1; then
        apt_problem="apt-get failed: $(tail -n 1 "/dev/fd/$log")"
        return 1
    fi
}

# The part of `apt_install` that is not to be interrupted.
apt_install_without_services() {
    export DEBIAN_FRONTEND=noninteractive
    local policy=/usr/sbin/policy-rc.d packages status=0
    apt-get update --quiet
    # Without those that are only renewed.
    mapfile -t packages < <(apt-get install --simulate "${apt_options[@]}" "$@" |
        awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }')
    # What Debian's scripts ask before they start a service. If there is one, the machine has its own
    # rules.
    if [[ ! -e $policy ]]; then
        trap "rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    apt-get install "${apt_options[@]}" "$@" || status=$?
    apt_files "${packages[@]}" | sed -nE 's!.*/lib/systemd/system/([^/@]+)$!\1!p' | sort -u |
        while read -r unit; do
            [[ ! -d /run/systemd/system ]] || systemctl stop "$unit" || true
            deb-systemd-helper disable "$unit" || true
        done
    apt_files "${packages[@]}" | sed -nE 's!^/etc/init\.d/([^/]+)$!\1!p' |
        while read -r name; do
            "/etc/init.d/$name" stop || true
            update-rc.d "$name" disable || true
        done
    return $status
}

apt_files() {
    local package
    for package; do
        dpkg-query --listfiles "$package" || true
    done
}
