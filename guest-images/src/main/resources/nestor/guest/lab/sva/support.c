// SPDX-License-Identifier: Apache-2.0
#include "sva.h"
#include <unistd.h>

#define VIOMMU_STATISTICS "/sys/class/iommu/virtio0/statistics"
#define VTD_UNIT "/sys/class/iommu/dmar0"

/* Faults taken by programs and by devices, of the whole system. */
unsigned long page_faults(void) {
    return number_after("/proc/vmstat", "pgfault ");
}

/* Page requests and faults that a virtio-iommu's driver has seen; interrupts of others, each of which is one or more. */
unsigned long iommu_events(void) {
    unsigned long faults;
    if (access(VIOMMU_STATISTICS, F_OK) != 0)
        return iommu_interrupts();
    faults = read_number(VIOMMU_STATISTICS "/faults");
    return faults + read_number(VIOMMU_STATISTICS "/page_requests");
}

/* An SMMU's stalls are one page each. A function's page requests are a group, which is answered as a whole. */
bool faults_come_in_groups(void) {
    return access(VIOMMU_STATISTICS, F_OK) == 0 || events_may_be_groups();
}

/* A VT-d unit has one interrupt for all page requests that come until its driver has seen to it (PRS_REG.PPR). */
bool events_may_be_groups(void) {
    return access(VTD_UNIT, F_OK) == 0;
}
