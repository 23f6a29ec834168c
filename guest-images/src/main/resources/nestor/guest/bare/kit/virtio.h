/* A virtio device over PCI (virtio 1.3, 4.1) with split virtqueues (2.7), as much as a driver that polls needs. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "kit/pci.h"

struct virtio {
        struct function function;
        u64 common, config, notify;     /* addresses of the structures, 4.1.4 */
        u32 notify_multiplier;
};

/* Device status, 2.1 */
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, DEVICE_NEEDS_RESET = 64 };

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_VERSION_1 BIT(32)

struct virtqueue {
        u32 index, size;
        u64 descriptors, available, used;
        u64 doorbell;
        u32 next;                       /* descriptor, free running */
        u32 added, taken;               /* buffers, free running */
};

/* Part of a buffer. */
struct piece {
        u64 address;
        u32 bytes;
        bool writable;
};

/* The device with this ID, 5; false if there is none, or if it has no structures. */
bool virtio_find(u32 id, struct virtio *dev);

/* Resets it, and waits until that is done; false if it is not. */
bool virtio_reset(const struct virtio *dev);
u32 virtio_status(const struct virtio *dev);

u64 virtio_offered(const struct virtio *dev);
/* After a reset: accepts features; false if the device does not take them. */
bool virtio_accept(const struct virtio *dev, u64 features);

/* An empty queue, enabled; size 0 means as large as may be. */
struct virtqueue virtqueue_new(const struct virtio *dev, u32 index, u32 size);
void virtio_start(const struct virtio *dev);

/* Makes one buffer available; the device is not told. The buffer's number. */
u32 virtqueue_add(struct virtqueue *queue, const struct piece *pieces, u32 count);
/* The same by an indirect table, 2.7.5.3. */
u32 virtqueue_add_indirect(struct virtqueue *queue, const struct piece *pieces, u32 count);
/* The same with this one descriptor. */
u32 virtqueue_add_raw(struct virtqueue *queue, u64 address, u32 bytes, u32 flags);
void virtqueue_tell(const struct virtqueue *queue);

/* Takes the oldest buffer that was used: its number, and the bytes written. False if there is none. */
bool virtqueue_take(struct virtqueue *queue, u32 *number, u32 *bytes);
/* As virtqueue_take, after a while at most. */
bool virtqueue_wait(struct virtqueue *queue, u32 *number, u32 *bytes);

#endif
