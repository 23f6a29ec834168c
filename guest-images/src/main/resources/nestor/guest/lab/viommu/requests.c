// SPDX-License-Identifier: GPL-2.0
/*
 * The request queue. Domains are changed with spinlocks held and interrupts off, so nobody sleeps for an answer: who
 * needs one polls. A request that is only posted goes out with the next that is waited for.
 */
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "viommu.h"

int vit_requests_init(struct vit_device *viommu)
{
	spin_lock_init(&viommu->requests_lock);
	viommu->slots = devm_kcalloc(&viommu->vdev->dev, VIT_SLOTS, sizeof(*viommu->slots), GFP_KERNEL);
	return viommu->slots ? 0 : -ENOMEM;
}

static int vit_errno(u8 status)
{
	switch (status) {
	case VIRTIO_IOMMU_S_OK:
		return 0;
	case VIRTIO_IOMMU_S_UNSUPP:
		return -EOPNOTSUPP;
	case VIRTIO_IOMMU_S_INVAL:
		return -EINVAL;
	case VIRTIO_IOMMU_S_RANGE:
		return -ERANGE;
	case VIRTIO_IOMMU_S_NOENT:
		return -ENOENT;
	case VIRTIO_IOMMU_S_FAULT:
		return -EFAULT;
	case VIRTIO_IOMMU_S_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static void vit_free_slot(struct vit_device *viommu, struct vit_slot *slot)
{
	__clear_bit(slot - viommu->slots, viommu->used_slots);
}

static void vit_complete(struct vit_device *viommu, struct vit_slot *slot, unsigned int written)
{
	const struct virtio_iommu_req_tail *tail =
		slot->device_writes + slot->device_writes_bytes - sizeof(*tail);

	/* A device that does not know a request returns it without a status. */
	slot->error = written < slot->device_writes_bytes ? -EOPNOTSUPP : vit_errno(tail->status);
	slot->done = true;
	viommu->in_flight--;
	if (slot->waited_for)
		return;
	/* A domain of the device that is not there yet, or no more, has nothing cached. */
	if (slot->error == -ENOENT && slot->request.head.type == VIT_T_INVALIDATE)
		slot->error = 0;
	if (slot->error)
		dev_err_ratelimited(&viommu->vdev->dev, "request %u failed: %d\n",
				    slot->request.head.type, slot->error);
	vit_free_slot(viommu, slot);
}

static void vit_kick(struct vit_device *viommu)
{
	if (virtqueue_kick_prepare(viommu->requests)) {
		viommu->statistics.kicks++;
		virtqueue_notify(viommu->requests);
	}
}

static void vit_count(struct vit_statistics *statistics, u8 type)
{
	switch (type) {
	case VIRTIO_IOMMU_T_ATTACH:
	case VIT_T_ATTACH_TABLE:
		statistics->attaches++;
		break;
	case VIRTIO_IOMMU_T_MAP:
		statistics->maps++;
		break;
	case VIRTIO_IOMMU_T_UNMAP:
		statistics->unmaps++;
		break;
	case VIT_T_INVALIDATE:
		statistics->invalidations++;
		break;
	case VIT_T_PAGE_RESP:
		statistics->page_responses++;
		break;
	}
}

/* Everything that has come back. False if nothing ever will. */
static bool vit_reap(struct vit_device *viommu)
{
	struct vit_slot *slot;
	unsigned int written;

	while ((slot = virtqueue_get_buf(viommu->requests, &written)))
		vit_complete(viommu, slot, written);
	return !virtqueue_is_broken(viommu->requests);
}

static struct vit_slot *vit_take_slot(struct vit_device *viommu)
{
	unsigned int free;

	for (;;) {
		free = find_first_zero_bit(viommu->used_slots, VIT_SLOTS);
		if (free < VIT_SLOTS) {
			__set_bit(free, viommu->used_slots);
			memset(&viommu->slots[free], 0, sizeof(viommu->slots[free]));
			return &viommu->slots[free];
		}
		vit_kick(viommu);
		if (!vit_reap(viommu))
			return NULL;
		cpu_relax();
	}
}

/* Puts a request into the queue, without telling the device. */
static int vit_queue(struct vit_device *viommu, struct vit_slot *slot, const void *request, size_t bytes)
{
	struct scatterlist reads, writes;
	struct scatterlist *parts[] = { &reads, &writes };
	int error;

	sg_init_one(&reads, request, bytes);
	sg_init_one(&writes, slot->device_writes, slot->device_writes_bytes);
	while ((error = virtqueue_add_sgs(viommu->requests, parts, 1, 1, slot, GFP_ATOMIC)) == -ENOSPC) {
		vit_kick(viommu);
		if (!vit_reap(viommu))
			return -EIO;
		cpu_relax();
	}
	if (error)
		return error;
	viommu->in_flight++;
	vit_count(&viommu->statistics, slot->request.head.type);
	return 0;
}

static int vit_wait(struct vit_device *viommu, struct vit_slot *slot)
{
	int error;

	vit_kick(viommu);
	while (!slot->done) {
		if (!vit_reap(viommu))
			return -EIO;
		cpu_relax();
	}
	error = slot->error;
	vit_free_slot(viommu, slot);
	return error;
}

static struct vit_slot *vit_slot_with(struct vit_device *viommu, const void *request, size_t bytes)
{
	struct vit_slot *slot = vit_take_slot(viommu);

	if (!slot)
		return NULL;
	memcpy(slot->request.bytes, request, bytes - sizeof(slot->tail));
	slot->device_writes = &slot->tail;
	slot->device_writes_bytes = sizeof(slot->tail);
	return slot;
}

/* Any context. @bytes is the request's, with its status, which is the last. */
int vit_send(struct vit_device *viommu, const void *request, size_t bytes)
{
	struct vit_slot *slot;
	unsigned long flags;
	int error = -EIO;

	spin_lock_irqsave(&viommu->requests_lock, flags);
	slot = vit_slot_with(viommu, request, bytes);
	if (slot) {
		slot->waited_for = true;
		error = vit_queue(viommu, slot, slot->request.bytes, bytes - sizeof(slot->tail));
		if (!error)
			error = vit_wait(viommu, slot);
		else
			vit_free_slot(viommu, slot);
	}
	spin_unlock_irqrestore(&viommu->requests_lock, flags);
	return error;
}

/* The device writes the properties behind the request. */
int vit_send_probe(struct vit_device *viommu, struct virtio_iommu_req_probe *probe)
{
	struct vit_slot *slot;
	unsigned long flags;
	int error = -EIO;

	spin_lock_irqsave(&viommu->requests_lock, flags);
	slot = vit_take_slot(viommu);
	if (slot) {
		slot->request.head = probe->head;
		slot->device_writes = probe->properties;
		slot->device_writes_bytes = viommu->probe_bytes + sizeof(slot->tail);
		slot->waited_for = true;
		error = vit_queue(viommu, slot, probe, sizeof(*probe));
		if (!error)
			error = vit_wait(viommu, slot);
		else
			vit_free_slot(viommu, slot);
	}
	spin_unlock_irqrestore(&viommu->requests_lock, flags);
	return error;
}

/* Any context; a failure is logged. It has an effect only after vit_sync(). */
void vit_post(struct vit_device *viommu, const void *request, size_t bytes)
{
	struct vit_slot *slot;
	unsigned long flags;
	int error = -EIO;

	spin_lock_irqsave(&viommu->requests_lock, flags);
	slot = vit_slot_with(viommu, request, bytes);
	if (slot) {
		error = vit_queue(viommu, slot, slot->request.bytes, bytes - sizeof(slot->tail));
		if (error)
			vit_free_slot(viommu, slot);
	}
	spin_unlock_irqrestore(&viommu->requests_lock, flags);
	if (error)
		dev_err_ratelimited(&viommu->vdev->dev, "a request was not sent: %d\n", error);
}

/* Waits until everything posted so far has had its effect. */
void vit_sync(struct vit_device *viommu)
{
	unsigned long flags;

	spin_lock_irqsave(&viommu->requests_lock, flags);
	if (viommu->in_flight)
		vit_kick(viommu);
	while (viommu->in_flight && vit_reap(viommu))
		cpu_relax();
	spin_unlock_irqrestore(&viommu->requests_lock, flags);
}

/* Adds who it is about; needs vit_sync(). */
void vit_post_invalidate(struct vit_endpoint *endpoint, u32 pasid, struct vit_req_invalidate *request)
{
	if (READ_ONCE(endpoint->mode) != VIT_TABLE)
		return;
	smp_rmb(); /* vit_enter_table() */
	request->head.type = VIT_T_INVALIDATE;
	request->domain = cpu_to_le32(READ_ONCE(endpoint->attached_id));
	request->pasid = cpu_to_le32(pasid);
	request->flags |= cpu_to_le16(VIT_INV_F_PASID);
	vit_post(endpoint->viommu, request, sizeof(*request));
}
