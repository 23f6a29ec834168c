# What the checks of the DSA share. The programs are Debian's own, not the shell's.
. /nestor/lib.sh
tests=/usr/libexec/accel-config/test
accel_config=/usr/bin/accel-config

# Where modprobe finds the modules that the distribution's scripts remove and load.
install_modules() {
    modules=/usr/lib/modules/$(uname -r)
    [ -e $modules/modules.dep.bin ] && return 0
    mkdir -p $modules/kernel /etc/modprobe.d
    cp /nestor/modules/*.ko $modules/kernel || fail "no room for the modules"
    # The runner removes iaa_crypto and stops if it is not there; the kernel loads it for another device than this.
    echo 'softdep idxd post: iaa_crypto' >/etc/modprobe.d/idxd.conf
    /usr/sbin/depmod 2>/tmp/depmod || fail "depmod: $(cat /tmp/depmod)"
}

# configure: two groups with a work queue each, wq0.0 shared and wq0.1 dedicated, as the distribution's tests have them.
configure() {
    $accel_config load-config -c $tests/configs/2g2q_user_1.conf || fail "accel-config load-config"
    $accel_config enable-device dsa0 || fail "accel-config enable-device"
    $accel_config enable-wq dsa0/wq0.0 || fail "accel-config enable-wq, shared"
    $accel_config enable-wq dsa0/wq0.1 || fail "accel-config enable-wq, dedicated"
}

# prq_interrupts: how often page request queues have asked for attention.
prq_interrupts() {
    awk '/dmar[0-9]+-prq/ { sum += $2 } END { print sum + 0 }' /proc/interrupts
}
