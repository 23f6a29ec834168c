// SPDX-License-Identifier: Apache-2.0
#include "sva.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTIONS "/sys/bus/pci/devices"
/*
 * Linux's own driver; ours (lab/module) for processes that end with DMA in flight, which Linux's cannot survive, and
 * for kernels that have not got Linux's.
 */
#define GENERIC_DRIVER "uio_pci_sva"
#define DRAINING_DRIVER "uio_pci_sva_drain"

enum { BUSY_TRIES = 500, BUSY_MICROSECONDS = 10000 };

static bool reads(const char *folder, const char *file, const char *text) {
    char path[128], content[32] = "";
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? 0 : read(fd, content, sizeof content - 1);
    if (fd >= 0)
        close(fd);
    return length > 0 && !strncmp(content, text, strlen(text));
}

static void find(struct function *function, const char *vendor, const char *device) {
    DIR *all = opendir(FUNCTIONS);
    expect(all != NULL, FUNCTIONS ": %m");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        snprintf(function->folder, sizeof function->folder, FUNCTIONS "/%.20s", entry->d_name);
        if (reads(function->folder, "vendor", vendor) && reads(function->folder, "device", device)) {
            closedir(all);
            return;
        }
    }
    fail("no function %s:%s on the PCI bus", vendor, device);
}

static bool has_driver(struct function *function, const char *driver) {
    char path[128], target[256] = "";
    snprintf(path, sizeof path, "%s/driver", function->folder);
    if (readlink(path, target, sizeof target - 1) < 0)
        return false;
    return !strcmp(strrchr(target, '/') + 1, driver);
}

/* Gives the function to a driver unless it has it; the number of its UIO device. */
static int uio_number(struct function *function, const char *driver) {
    char path[128];
    int number = -1;
    if (!has_driver(function, driver)) {
        const char *address = strrchr(function->folder, '/') + 1;
        snprintf(path, sizeof path, "%s/driver/unbind", function->folder);
        if (access(path, W_OK) == 0)
            write_text(path, address);
        snprintf(path, sizeof path, "%s/driver_override", function->folder);
        write_text(path, driver);
        write_text("/sys/bus/pci/drivers_probe", address);
    }
    snprintf(path, sizeof path, "%s/uio", function->folder);
    DIR *folder = opendir(path);
    expect(folder != NULL && has_driver(function, driver), "%s did not take %s", driver, function->folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (sscanf(entry->d_name, "uio%d", &number) == 1)
            break;
    }
    closedir(folder);
    expect(number >= 0, "%s has no UIO device", function->folder);
    return number;
}

/* The generic driver offers 32-bit BARs only; a 64-bit one is mapped through the file that PCI has for it. */
static void map_bar(struct function *function, int uio) {
    char path[160];
    unsigned long first, last;
    snprintf(path, sizeof path, "%s/resource", function->folder);
    FILE *file = fopen(path, "r");
    expect(file != NULL && fscanf(file, "%lx %lx", &first, &last) == 2 && first != 0, "%s: no BAR 0", path);
    fclose(file);
    snprintf(path, sizeof path, "/sys/class/uio/uio%d/maps/map0/size", uio);
    bool offered = access(path, R_OK) == 0;
    int fd = function->uio;
    if (!offered) {
        snprintf(path, sizeof path, "%s/resource0", function->folder);
        fd = open(path, O_RDWR | O_CLOEXEC);
        expect(fd >= 0, "%s: %m", path);
    }
    function->bar_bytes = last - first + 1;
    function->bar = mmap(NULL, function->bar_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    expect(function->bar != MAP_FAILED, "mmap of BAR 0 of %s: %m", function->folder);
    if (!offered)
        close(fd);
}

/*
 * Who answers a page fault keeps the memory of the process, which has the file mapped: after that process was killed
 * and waited for, its binding may still be there for a while.
 */
static int open_free(const char *path) {
    int uio = open(path, O_RDWR);
    for (int tries = 0; uio < 0 && errno == EBUSY && tries < BUSY_TRIES; tries++) {
        usleep(BUSY_MICROSECONDS);
        uio = open(path, O_RDWR);
    }
    return uio;
}

void function_open(struct function *function, const char *vendor, const char *device, bool drained) {
    char path[128];
    find(function, vendor, device);
    drained |= access("/sys/bus/pci/drivers/" GENERIC_DRIVER, F_OK) != 0;
    int uio = uio_number(function, drained ? DRAINING_DRIVER : GENERIC_DRIVER);
    snprintf(path, sizeof path, "/dev/uio%d", uio);
    // Opening binds the process; not close-on-exec, so that a program can outlive its address space.
    function->uio = open_free(path);
    expect(function->uio >= 0, "%s: %m", path);
    snprintf(path, sizeof path, "%s/pasid", function->folder);
    function->pasid = read_number(path);
    expect(function->pasid > 0, "%s: no PASID", path);
    map_bar(function, uio);
    while (function_interrupted(function, 0)) {
        // What the one before us did not read.
    }
}

/* The mapping holds the file open, and the driver can keep only one binding at a time. */
void function_close(struct function *function) {
    expect(munmap((void *)function->bar, function->bar_bytes) == 0, "munmap of %s: %m", function->folder);
    expect(close(function->uio) == 0, "close of %s: %m", function->folder);
}

bool function_interrupted(struct function *function, int timeout_ms) {
    uint32_t count;
    struct pollfd wanted = {.fd = function->uio, .events = POLLIN};
    return poll(&wanted, 1, timeout_ms) == 1 && read(function->uio, &count, sizeof count) == sizeof count;
}
