/* svm-demo (docs/devices/svm-demo.md): commands that use addresses of a PASID, by ATS and PRI. */
#ifndef SVM_H
#define SVM_H

#include "kit/pci.h"

extern struct function svm;

enum { SVM_WRITE = 1, SVM_READ = 2, SVM_SUCCESS = 0, SVM_FAILURE = 1, SVM_RUNS = 2 };

bool svm_find(u32 index);

/* ATS, PRI and PASID enabled; the PASID that commands have; where the MSI goes. */
void svm_begin(u32 pasid, u64 msi);
void svm_quiet(void);

/* The next command; crc counts for SVM_READ. */
void svm_start(u32 command, u64 address, u64 bytes, u32 crc);
/* Its result, SVM_RUNS if it has not ended after a while; msi as our own address. */
u32 svm_end(u64 msi);

/* The CRC that a buffer at our address has. */
u32 svm_crc(u64 address, u64 bytes);

#endif
