#!/bin/sh
# Runs the host suite on this kernel's /dev/iommu, and reports to $report. The interpreter is faster here than what a
# compiler makes of code that runs once.
export LD_LIBRARY_PATH=/lib
exec /java/bin/java -Xint -XX:+UseSerialGC -Xshare:auto -XX:-UsePerfData \
    --enable-native-access=ALL-UNNAMED -Djffi.boot.library.path=/nestor/native -Djnr.ffi.asm.enabled=false \
    -cp /nestor/suite.jar nestor.hostsuite.Main "$report"
