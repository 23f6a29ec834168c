#!/bin/sh
# Gives the svm-demo function to VFIO, runs the host suite on this kernel's /dev/iommu, and reports to $report. The
# interpreter is faster here than what a compiler makes of code that runs once.
. /nestor/lib.sh
assigned=
if device=$(find_pci 1234:0b11); then
    [ -e "$device/driver" ] && echo "${device##*/}" >"$device/driver/unbind"
    echo vfio-pci >"$device/driver_override"
    echo "${device##*/}" >/sys/bus/pci/drivers_probe
    assigned=assigned
fi
export LD_LIBRARY_PATH=/lib
exec /java/bin/java -Xint -XX:+UseSerialGC -Xshare:auto -XX:-UsePerfData \
    --enable-native-access=ALL-UNNAMED -Djffi.boot.library.path=/nestor/native -Djnr.ffi.asm.enabled=false \
    -cp /nestor/suite.jar nestor.hostsuite.Main "$report" $assigned
