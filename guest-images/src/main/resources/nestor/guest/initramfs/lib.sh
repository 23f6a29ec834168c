# Functions shared by init and the checks.

# parameter NAME DEFAULT: the value of nestor.NAME=... on the kernel command line; the last one counts.
parameter() {
    value=$2
    for word in $(cat /proc/cmdline); do
        case $word in "nestor.$1="*) value=${word#*=} ;; esac
    done
    printf '%s\n' "$value"
}

has_parameter() {
    case " $(cat /proc/cmdline) " in *" nestor.$1="*) return 0 ;; esac
    return 1
}

# A check ends with one of these, or by running to its end, which is a pass. Whatever it prints is diagnostics.
fail() {
    echo "failed: $*"
    exit 1
}

skip() {
    echo "$*"
    exit 4
}

pci_id() {
    vendor=$(cat "$1/vendor")
    device_id=$(cat "$1/device")
    echo "${vendor#0x}:${device_id#0x}"
}

# is_endpoint DEVICE: neither a bridge (class 06) nor the IOMMU itself.
is_endpoint() {
    case $(cat "$1/class") in 0x06*) return 1 ;; esac
    [ "$(pci_id "$1")" != 1af4:1057 ]
}

# find_pci VENDOR:DEVICE: the sysfs folder of the first such function.
find_pci() {
    for device in /sys/bus/pci/devices/*; do
        if [ -e "$device" ] && [ "$(pci_id "$device")" = "$1" ]; then
            echo "$device"
            return 0
        fi
    done
    return 1
}

# virtio_is_bound: every virtio function, but the IOMMU, has what its driver makes of it.
virtio_is_bound() {
    for device in /sys/bus/pci/devices/*; do
        case $(pci_id "$device") in
            1af4:1042) set -- "$device"/virtio*/block/* ;;
            1af4:1043) set -- /dev/hvc0 ;;
            1af4:1044) set -- "$device"/virtio*/driver ;;
            *) continue ;;
        esac
        [ -e "$1" ] || return 1
    done
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    tries=$(($1 * 10))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        usleep 100000
    done
}

# request WORD: asks the host for something, out of what the run allows.
request() {
    echo "nestor: request $1" >"$report"
}

# is_translated DEVICE: whether its DMA goes through a page table of its IOMMU group.
is_translated() {
    [ -e "$1/iommu_group" ] && [ "$(cat "$1/iommu_group/type")" != identity ]
}

# fault_of FUNCTION ADDRESS: the kernel's report of a fault of a function (domain:bus:slot.function) at an address, as
# the driver of its IOMMU writes it. VT-d's reports the page, from 7.x on with
# the function's domain.
fault_of() {
    if [ -d /sys/class/iommu/dmar0 ]; then
        dmesg | grep -E "DMAR: \[DMA (Read|Write) .*Request device \[(${1%%:*}:)?${1#*:}\] fault addr $(printf '0x%x' $(($2 & ~4095))) "
        return
    fi
    rid=$(echo "$1" | sed 's/^[^:]*:\(..\):\(..\)\.\(.\)$/0x\1 * 256 + 0x\2 * 8 + 0x\3/')
    rid=$((rid))
    if find_pci 1af4:1057 >/dev/null; then
        dmesg | grep -E " fault from EP $rid at $(printf '0x%x' $2)[: ]"
    else
        # The SMMU's record as four words: code and stream ID, then the address (IHI 0070, section 7.3.13).
        dmesg | sed 's/^\[[^]]*\] *//' | tr -d '\t' | tr '\n' ' ' |
            grep -o "0x$(printf '%08x' $rid)00000010 [^:]*: *0x[0-9a-f]* [^:]*: *$(printf '0x%016x' $2)"
    fi
}

# uptime_ms: milliseconds since boot, in steps of ten.
uptime_ms() {
    read -r up _ </proc/uptime
    echo $((${up%.*} * 1000 + 1${up#*.}0 - 1000))
}

# count_groups TYPE: fails unless every endpoint has an IOMMU group whose domain is of that type.
count_groups() {
    wanted=$1
    endpoints=0
    wrong=0
    for device in /sys/bus/pci/devices/*; do
        is_endpoint "$device" || continue
        endpoints=$((endpoints + 1))
        group=none
        type=none
        if [ -e "$device/iommu_group" ]; then
            group=$(readlink "$device/iommu_group")
            group=${group##*/}
            type=$(cat "$device/iommu_group/type")
        fi
        echo "endpoint=${device##*/} id=$(pci_id "$device") group=$group type=$type"
        [ "$type" = "$wanted" ] || wrong=$((wrong + 1))
    done
    echo "endpoints=$endpoints"
    [ $endpoints -gt 0 ] || fail "no endpoint on the PCI bus"
    [ $wrong = 0 ] || fail "$wrong of $endpoints endpoints have no group of type $wanted"
}
