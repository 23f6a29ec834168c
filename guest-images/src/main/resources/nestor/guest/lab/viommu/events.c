// SPDX-License-Identifier: GPL-2.0
/* The event queue: faults, which are logged, and page requests, which Linux answers. */
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "viommu.h"

static const char *const vit_reasons[] = {
	"unknown", "no domain or context", "not mapped", "walk outside memory",
	"not mapped", "permission", "access flag", "output size",
};

/* Endpoint and address as Linux's own driver logs them, for whoever reads logs. */
static void vit_log(const struct vit_device *viommu, const struct vit_event *event)
{
	u32 flags = le32_to_cpu(event->flags);
	char pasid[sizeof(" PASID 1048575")] = "";

	if (flags & VIT_EVENT_F_PASID)
		snprintf(pasid, sizeof(pasid), " PASID %u", le32_to_cpu(event->pasid));
	dev_err_ratelimited(&viommu->vdev->dev, "fault from EP %u at %#llx:%s%s%s %s\n",
			    le32_to_cpu(event->endpoint),
			    flags & VIT_EVENT_F_ADDRESS ? le64_to_cpu(event->address) : 0, pasid,
			    flags & VIT_EVENT_F_READ ? " R" : "", flags & VIT_EVENT_F_WRITE ? " W" : "",
			    vit_reasons[event->reason < ARRAY_SIZE(vit_reasons) ? event->reason : 0]);
}

static void vit_respond(struct vit_device *viommu, u32 endpoint, const struct iommu_fault_page_request *request,
			u32 code)
{
	bool pasid = request->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
	struct vit_req_page_resp response = {
		.head.type = VIT_T_PAGE_RESP,
		.endpoint = cpu_to_le32(endpoint),
		.flags = cpu_to_le32(pasid ? VIT_PAGE_RESP_F_PASID : 0),
		.pasid = cpu_to_le32(pasid ? request->pasid : 0),
		.group = cpu_to_le16(request->grpid),
		.code = cpu_to_le16(code),
	};
	int error = vit_send(viommu, &response, sizeof(response));

	/* -ENOENT: the device itself has answered, as the function was reset or is gone. */
	if (error && error != -ENOENT)
		dev_err_ratelimited(&viommu->vdev->dev, "a page request of endpoint 0x%x is not answered: %d\n",
				    endpoint, error);
}

/* Codes are the same on both sides. */
void vit_page_response(struct device *dev, struct iopf_fault *fault, struct iommu_page_response *response)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);

	vit_respond(endpoint->viommu, endpoint->id, &fault->fault.prm, response->code);
}

static void vit_page_request(struct vit_device *viommu, const struct vit_event *event)
{
	u32 flags = le32_to_cpu(event->flags);
	struct iopf_fault fault = { .fault = {
		.type = IOMMU_FAULT_PAGE_REQ,
		.prm = {
			.pasid = le32_to_cpu(event->pasid),
			.grpid = le16_to_cpu(event->group),
			.addr = le64_to_cpu(event->address),
		},
	} };
	struct iommu_fault_page_request *request = &fault.fault.prm;
	struct vit_endpoint *endpoint;

	request->perm |= flags & VIT_EVENT_F_READ ? IOMMU_FAULT_PERM_READ : 0;
	request->perm |= flags & VIT_EVENT_F_WRITE ? IOMMU_FAULT_PERM_WRITE : 0;
	request->perm |= flags & VIT_EVENT_F_EXEC ? IOMMU_FAULT_PERM_EXEC : 0;
	request->perm |= flags & VIT_EVENT_F_PRIVILEGED ? IOMMU_FAULT_PERM_PRIV : 0;
	request->flags |= flags & VIT_EVENT_F_LAST ? IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE : 0;
	request->flags |= flags & VIT_EVENT_F_PASID ? IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
						      IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID : 0;

	mutex_lock(&viommu->endpoints_lock);
	endpoint = xa_load(&viommu->endpoints, le32_to_cpu(event->endpoint));
	if (endpoint && flags & VIT_EVENT_F_PASID && xa_load(&endpoint->pasids, request->pasid))
		iommu_report_device_fault(endpoint->dev, &fault);
	else if (flags & VIT_EVENT_F_LAST)
		vit_respond(viommu, le32_to_cpu(event->endpoint), request, IOMMU_PAGE_RESP_INVALID);
	mutex_unlock(&viommu->endpoints_lock);
}

static int vit_post_buffer(struct vit_device *viommu, struct vit_event *buffer)
{
	struct scatterlist part;

	memset(buffer, 0, sizeof(*buffer));
	sg_init_one(&part, buffer, sizeof(*buffer));
	return virtqueue_add_inbuf(viommu->events, &part, 1, buffer, GFP_KERNEL);
}

static void vit_take_event(struct vit_device *viommu, struct vit_event *buffer, unsigned int bytes)
{
	struct vit_event event = *buffer;

	if (vit_post_buffer(viommu, buffer))
		dev_err_ratelimited(&viommu->vdev->dev, "an event buffer is lost\n");
	virtqueue_kick(viommu->events);
	if (bytes < sizeof(struct virtio_iommu_fault))
		return;
	if (bytes >= sizeof(event) && le32_to_cpu(event.flags) & VIT_EVENT_F_PAGE_REQUEST) {
		viommu->statistics.page_requests++;
		vit_page_request(viommu, &event);
	} else {
		viommu->statistics.faults++;
		vit_log(viommu, &event);
	}
}

/* Alone in using the queue, once it is filled. */
static void vit_event_work(struct work_struct *work)
{
	struct vit_device *viommu = container_of(work, struct vit_device, event_work);
	struct vit_event *buffer;
	unsigned int bytes;

	do {
		virtqueue_disable_cb(viommu->events);
		while ((buffer = virtqueue_get_buf(viommu->events, &bytes)))
			vit_take_event(viommu, buffer, bytes);
	} while (!virtqueue_is_broken(viommu->events) && !virtqueue_enable_cb(viommu->events));
}

void vit_events_interrupt(struct virtqueue *queue)
{
	struct vit_device *viommu = queue->vdev->priv;

	queue_work(viommu->event_queue, &viommu->event_work);
}

int vit_events_init(struct vit_device *viommu)
{
	INIT_WORK(&viommu->event_work, vit_event_work);
	xa_init(&viommu->endpoints);
	mutex_init(&viommu->endpoints_lock);
	viommu->event_queue = alloc_ordered_workqueue("viommu-events", 0);
	if (!viommu->event_queue)
		return -ENOMEM;
	viommu->iopf = iopf_queue_alloc(dev_name(&viommu->vdev->dev));
	if (!viommu->iopf) {
		destroy_workqueue(viommu->event_queue);
		return -ENOMEM;
	}
	return 0;
}

int vit_events_fill(struct vit_device *viommu)
{
	unsigned int count = viommu->events->num_free, i;
	int error;

	viommu->event_buffers = devm_kcalloc(&viommu->vdev->dev, count, sizeof(*viommu->event_buffers), GFP_KERNEL);
	if (!viommu->event_buffers)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		error = vit_post_buffer(viommu, &viommu->event_buffers[i]);
		if (error)
			return error;
	}
	virtqueue_kick(viommu->events);
	return 0;
}

/* After the device was reset. */
void vit_events_free(struct vit_device *viommu)
{
	destroy_workqueue(viommu->event_queue);
	iopf_queue_free(viommu->iopf);
	xa_destroy(&viommu->endpoints);
}

/*
 * The PASID is out of the endpoint's: a page request that the worker has not seen by now is answered here, not reported.
 * Those that were reported before are answered before this returns.
 */
void vit_drain_page_requests(struct vit_endpoint *endpoint)
{
	struct vit_device *viommu = endpoint->viommu;

	queue_work(viommu->event_queue, &viommu->event_work);
	flush_work(&viommu->event_work);
	iopf_queue_flush_dev(endpoint->dev);
}
