#include "kit/virtio.h"

#include "machine.h"

enum { VENDOR = 0x1af4, FIRST_ID = 0x1040, TIMEOUT_MS = 2000 };

/* Capabilities, 4.1.4 */
enum { CAPABILITIES = 0x34, VENDOR_SPECIFIC = 9, CFG_TYPE = 3, BAR = 4, OFFSET = 8, MULTIPLIER = 16 };
enum { COMMON_CFG = 1, NOTIFY_CFG = 2, DEVICE_CFG = 4 };

/* Common configuration, 4.1.4.3 */
enum { DEVICE_FEATURE_SELECT = 0x00, DEVICE_FEATURE = 0x04, DRIVER_FEATURE_SELECT = 0x08,
       DRIVER_FEATURE = 0x0c, DEVICE_STATUS = 0x14, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18,
       QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY_OFF = 0x1e, QUEUE_DESC = 0x20, QUEUE_DRIVER = 0x28,
       QUEUE_DEVICE = 0x30 };

/* 2.7.5, 2.7.6, 2.7.8 */
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, DESCRIPTOR_BYTES = 16, USED_BYTES = 8, RING = 4 };

static u8 read8(u64 address)
{
        u8 value = *(volatile u8 *)address;
        barrier();
        return value;
}

static void write8(u64 address, u8 value)
{
        barrier();
        *(volatile u8 *)address = value;
}

static u16 read16(u64 address)
{
        u16 value = *(volatile u16 *)address;
        barrier();
        return value;
}

static void write16(u64 address, u16 value)
{
        barrier();
        *(volatile u16 *)address = value;
}

static void write_pair(u64 address, u64 value)
{
        mmio_write32(address, (u32)value);
        mmio_write32(address + 4, (u32)(value >> 32));
}

static void note(struct virtio *dev, u32 at)
{
        const struct function *function = &dev->function;
        u32 header = pci_read(function, at);
        u64 place = function->bar[pci_read(function, at + BAR) & 7] + pci_read(function, at + OFFSET);
        switch (header >> CFG_TYPE * 8) {
        case COMMON_CFG:
                dev->common = place;
                break;
        case NOTIFY_CFG:
                dev->notify = place;
                dev->notify_multiplier = pci_read(function, at + MULTIPLIER);
                break;
        case DEVICE_CFG:
                dev->config = place;
                break;
        }
}

bool virtio_find(u32 id, struct virtio *dev)
{
        *dev = (struct virtio){ 0 };
        if (!pci_find(VENDOR, FIRST_ID + id, 0, &dev->function))
                return false;
        u32 at = pci_read(&dev->function, CAPABILITIES) & 0xfc;
        while (at) {
                u32 header = pci_read(&dev->function, at);
                if ((header & 0xff) == VENDOR_SPECIFIC)
                        note(dev, at);
                at = header >> 8 & 0xfc;
        }
        return dev->common && dev->notify && dev->config;
}

u32 virtio_status(const struct virtio *dev)
{
        return read8(dev->common + DEVICE_STATUS);
}

static void add_status(const struct virtio *dev, u32 bits)
{
        write8(dev->common + DEVICE_STATUS, (u8)(virtio_status(dev) | bits));
}

bool virtio_reset(const struct virtio *dev)
{
        write8(dev->common + DEVICE_STATUS, 0);
        u64 start = counter();
        while (virtio_status(dev)) {
                if (!within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}

u64 virtio_offered(const struct virtio *dev)
{
        mmio_write32(dev->common + DEVICE_FEATURE_SELECT, 0);
        u64 low = mmio_read32(dev->common + DEVICE_FEATURE);
        mmio_write32(dev->common + DEVICE_FEATURE_SELECT, 1);
        return low | (u64)mmio_read32(dev->common + DEVICE_FEATURE) << 32;
}

bool virtio_accept(const struct virtio *dev, u64 features)
{
        add_status(dev, ACKNOWLEDGE);
        add_status(dev, DRIVER);
        for (u32 half = 0; half < 2; half++) {
                mmio_write32(dev->common + DRIVER_FEATURE_SELECT, half);
                mmio_write32(dev->common + DRIVER_FEATURE, (u32)(features >> half * 32));
        }
        add_status(dev, FEATURES_OK);
        return virtio_status(dev) & FEATURES_OK;
}

struct virtqueue virtqueue_new(const struct virtio *dev, u32 index, u32 size)
{
        struct virtqueue queue = { .index = index };
        write16(dev->common + QUEUE_SELECT, (u16)index);
        queue.size = size ? size : read16(dev->common + QUEUE_SIZE);
        queue.descriptors = (u64)take(queue.size * DESCRIPTOR_BYTES, 16);
        queue.available = (u64)take(RING + queue.size * 2 + 2, 16);
        queue.used = (u64)take(RING + queue.size * USED_BYTES + 2, 16);
        queue.doorbell = dev->notify + read16(dev->common + QUEUE_NOTIFY_OFF) * dev->notify_multiplier;
        write16(dev->common + QUEUE_SIZE, (u16)queue.size);
        write_pair(dev->common + QUEUE_DESC, queue.descriptors);
        write_pair(dev->common + QUEUE_DRIVER, queue.available);
        write_pair(dev->common + QUEUE_DEVICE, queue.used);
        write16(dev->common + QUEUE_ENABLE, 1);
        return queue;
}

void virtio_start(const struct virtio *dev)
{
        add_status(dev, DRIVER_OK);
}

static void describe(u64 table, u32 number, u64 address, u32 bytes, u32 flags, u32 next)
{
        u64 at = table + number * DESCRIPTOR_BYTES;
        *(volatile u64 *)at = address;
        *(volatile u32 *)(at + 8) = bytes;
        *(volatile u16 *)(at + 12) = (u16)flags;
        *(volatile u16 *)(at + 14) = (u16)next;
}

static void describe_piece(u64 table, u32 number, const struct piece *piece, bool last, u32 next)
{
        u32 flags = (piece->writable ? WRITE : 0) | (last ? 0 : NEXT);
        describe(table, number, piece->address, piece->bytes, flags, next);
}

static u32 make_available(struct virtqueue *queue, u32 head)
{
        write16(queue->available + RING + queue->added % queue->size * 2, (u16)head);
        queue->added++;
        write16(queue->available + 2, (u16)queue->added);
        return head;
}

static u32 number_of(const struct virtqueue *queue, u32 ahead)
{
        return (queue->next + ahead) % queue->size;
}

u32 virtqueue_add(struct virtqueue *queue, const struct piece *pieces, u32 count)
{
        u32 head = number_of(queue, 0);
        for (u32 i = 0; i < count; i++)
                describe_piece(queue->descriptors, number_of(queue, i), &pieces[i], i + 1 == count,
                               number_of(queue, i + 1));
        queue->next += count;
        return make_available(queue, head);
}

u32 virtqueue_add_indirect(struct virtqueue *queue, const struct piece *pieces, u32 count)
{
        u64 table = (u64)take(count * DESCRIPTOR_BYTES, 16);
        for (u32 i = 0; i < count; i++)
                describe_piece(table, i, &pieces[i], i + 1 == count, i + 1);
        return virtqueue_add_raw(queue, table, count * DESCRIPTOR_BYTES, INDIRECT);
}

u32 virtqueue_add_raw(struct virtqueue *queue, u64 address, u32 bytes, u32 flags)
{
        u32 head = number_of(queue, 0);
        describe(queue->descriptors, head, address, bytes, flags, head);
        queue->next++;
        return make_available(queue, head);
}

void virtqueue_tell(const struct virtqueue *queue)
{
        write16(queue->doorbell, (u16)queue->index);
}

bool virtqueue_take(struct virtqueue *queue, u32 *number, u32 *bytes)
{
        if (read16(queue->used + 2) == (u16)queue->taken)
                return false;
        u64 element = queue->used + RING + queue->taken % queue->size * USED_BYTES;
        *number = mmio_read32(element);
        *bytes = mmio_read32(element + 4);
        queue->taken++;
        return true;
}

bool virtqueue_wait(struct virtqueue *queue, u32 *number, u32 *bytes)
{
        u64 start = counter();
        while (!virtqueue_take(queue, number, bytes)) {
                if (!within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}
