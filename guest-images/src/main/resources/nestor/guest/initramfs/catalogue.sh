# What the checks of the catalogue of published defects share.
. /nestor/lib.sh

# found present|absent: ends the check, which passes if that is what was to be found in this kernel.
found() {
    echo "release=$(uname -r)"
    echo "defect=$1"
    [ "$1" = absent ] || : >/tmp/broken
    [ "$1" = "$(parameter catalogue '')" ] || fail "was to be $(parameter catalogue unknown)"
    exit 0
}

# complaint PATTERN: what the kernel says about itself, if there is such a line in it.
complaint() {
    dmesg | sed -n '/cut here/,/end trace/p' >/tmp/complaints
    grep -q "$1" /tmp/complaints || return 1
    grep -E -e ' at | RIP: | BUG: |Oops|refcount_t|\+0x.*/0x.* \[' /tmp/complaints | sed 's/^\[[^]]*\]/log=/'
}

# is_removed MODULE...: each has left the kernel, or was not there.
is_removed() {
    for module; do
        [ ! -d "/sys/module/$module" ] || rmmod "$module" || return 1
    done
}
