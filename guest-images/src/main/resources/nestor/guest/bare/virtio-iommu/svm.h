/* svm-demo (docs/devices/svm-demo.md): commands that use addresses of a PASID, by ATS and PRI. */
#ifndef SVM_H
#define SVM_H

#include "kit/testdev.h"

/* Only its function and capabilities are a test function's. */
extern struct testdev svm;

enum { SVM_WRITE = 1, SVM_READ = 2, SVM_SUCCESS = 0, SVM_FAILURE = 1, SVM_RUNS = 2 };

bool svm_find(u32 index);

/* ATS, PRI and PASID enabled, and the PASID that commands have; the message of their end goes to iova. */
void svm_begin(u32 pasid, u64 iova);
void svm_use(u32 pasid);
void svm_quiet(void);

/* Starts a command; crc counts for SVM_READ. The message arrives at msi, our address. */
void svm_start(u32 command, u64 address, u64 bytes, u32 crc, u64 msi);
/* Its result; SVM_RUNS if it has not ended after a while. */
u32 svm_end(u64 msi);
bool svm_runs(u64 msi);

/* The CRC that a buffer at our address has; whether it is what SVM_WRITE writes from byte first on. */
u32 svm_crc(u64 address, u64 bytes);
bool svm_written(u64 address, u64 bytes, u64 first);

#endif
