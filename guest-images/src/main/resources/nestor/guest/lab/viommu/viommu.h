/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver for virtio-iommu that attaches endpoints to page tables of its own.
 *
 * An endpoint that may have tables gets a table of Context descriptors, one for each PASID, and a domain of the device
 * that is nothing but that table. What Linux calls a domain is a page table with an ASID; attaching it writes a
 * descriptor. So a map is a store to memory, and only what may be cached is told to the device, by ASID, PASID and
 * address. Endpoints without tables, or behind a device without, have MAP and UNMAP requests instead.
 */
#ifndef VIRTIO_IOMMU_TABLES_H
#define VIRTIO_IOMMU_TABLES_H

#include <linux/io-pgtable.h>
#include <linux/idr.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "abi.h"

#define VIT_SLOTS 64

/* A request in flight. Those that nobody waits for complain themselves when they fail. */
struct vit_slot {
	union {
		u8 bytes[sizeof(struct vit_req_attach_table)];
		struct virtio_iommu_req_head head;
	} request;
	struct virtio_iommu_req_tail tail;
	void *device_writes;
	unsigned int device_writes_bytes;
	bool waited_for;
	bool done;
	int error;
};

/* What "statistics" of the IOMMU's class device tells. Written under the request queue's lock, or by the event worker. */
struct vit_statistics {
	u64 kicks;
	u64 attaches;
	u64 maps;
	u64 unmaps;
	u64 invalidations;
	u64 page_responses;
	u64 page_requests;
	u64 faults;
};

struct vit_device {
	struct iommu_device iommu;
	struct vit_statistics statistics;
	struct virtio_device *vdev;
	struct list_head node;
	bool has_tables;
	bool has_page_requests;
	u64 page_sizes;
	struct iommu_domain_geometry geometry;
	u32 map_flags;
	u32 probe_bytes;
	u32 last_domain;
	struct ida domain_ids;
	/* Two domains that no endpoint owns: everything passes, nothing does. */
	u32 bypass_id;
	u32 blocked_id;
	/* Page tables by ASID. */
	struct xarray asids;

	struct virtqueue *requests;
	spinlock_t requests_lock;
	struct vit_slot *slots;
	DECLARE_BITMAP(used_slots, VIT_SLOTS);
	unsigned int in_flight;

	struct virtqueue *events;
	struct vit_event *event_buffers;
	struct work_struct event_work;
	struct workqueue_struct *event_queue;
	struct iopf_queue *iopf;
	/* Endpoints by number, for reports. */
	struct xarray endpoints;
	struct mutex endpoints_lock;
};

/* What an endpoint's requests without PASID reach. */
enum vit_mode {
	VIT_NOTHING,
	VIT_BYPASS,
	VIT_MAPPED,
	VIT_TABLE,
};

struct vit_contexts {
	unsigned int pasid_bits;
	/* Linear if there is no second level: all leaves are one then. */
	__le64 *l1;
	__le64 **leaves;
	unsigned int leaf_count;
	size_t leaf_bytes;
};

struct vit_endpoint {
	struct device *dev;
	struct vit_device *viommu;
	struct list_head regions;
	u32 id;

	bool has_tables;
	u64 page_sizes;
	unsigned int input_bits;
	unsigned int output_bits;
	unsigned int pasid_bits;
	u32 format_flags;

	/* The rest is the group's mutex's. */
	enum vit_mode mode;
	u32 attached_id;
	u8 s1dss;
	struct vit_contexts contexts;
	/* By S1DSS, as a domain has one descriptor of its table; 0: not allocated. */
	u32 table_ids[3];
	struct vit_domain *rid_domain;
	unsigned int live_pasids;
	unsigned int iopf_users;
	bool pasid_enabled;
	bool ats_enabled;

	/* Domains by PASID. The event worker looks too: page requests of others are not Linux's business. */
	struct xarray pasids;
};

enum vit_kind {
	VIT_TABLE_DOMAIN,
	VIT_SVA_DOMAIN,
	VIT_MAP_DOMAIN,
};

struct vit_domain {
	struct iommu_domain domain;
	struct vit_device *viommu;
	enum vit_kind kind;

	/* Which endpoints may have it cached, and as which PASID. */
	spinlock_t users_lock;
	struct list_head users;

	/* Of tables. */
	u16 asid;
	struct io_pgtable_ops *pages;
	unsigned int input_bits;
	struct mmu_notifier notifier;

	/* Of mappings. */
	u32 id;
	spinlock_t mappings_lock;
	struct rb_root_cached mappings;
	unsigned int endpoints;
};

struct vit_user {
	struct list_head node;
	struct vit_endpoint *endpoint;
	u32 pasid;
};

static inline struct vit_domain *to_vit_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct vit_domain, domain);
}

/* device.c */
struct vit_device *vit_find_device(struct fwnode_handle *fwnode);

/* requests.c */
int vit_requests_init(struct vit_device *viommu);
int vit_send(struct vit_device *viommu, const void *request, size_t bytes);
int vit_send_probe(struct vit_device *viommu, struct virtio_iommu_req_probe *probe);
void vit_post(struct vit_device *viommu, const void *request, size_t bytes);
void vit_sync(struct vit_device *viommu);
void vit_post_invalidate(struct vit_endpoint *endpoint, u32 pasid, struct vit_req_invalidate *request);

/* endpoint.c */
struct iommu_device *vit_probe_device(struct device *dev);
void vit_release_device(struct device *dev);
void vit_get_regions(struct device *dev, struct list_head *list);
void vit_enable_ats(struct vit_endpoint *endpoint);
void vit_disable_ats(struct vit_endpoint *endpoint);
int vit_enable_page_requests(struct vit_endpoint *endpoint);
void vit_disable_page_requests(struct vit_endpoint *endpoint);

/* contexts.c */
struct vit_cd {
	u64 words[4];
};

int vit_contexts_alloc(struct vit_contexts *contexts, unsigned int pasid_bits);
void vit_contexts_free(struct vit_contexts *contexts);
u64 vit_contexts_pointer(const struct vit_contexts *contexts);
u8 vit_contexts_format(const struct vit_contexts *contexts);
int vit_write_context(struct vit_endpoint *endpoint, u32 pasid, const struct vit_cd *cd);
void vit_clear_context(struct vit_endpoint *endpoint, u32 pasid);
void vit_quieten_context(struct vit_endpoint *endpoint, u32 pasid);
void vit_pages_context(struct vit_cd *cd, const struct io_pgtable_cfg *cfg, u16 asid);
void vit_mm_context(struct vit_cd *cd, struct mm_struct *mm, const struct vit_endpoint *endpoint, u16 asid);

/* attach.c */
extern struct iommu_domain vit_identity_domain;
extern struct iommu_domain vit_blocked_domain;
int vit_attach_table_domain(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old);
int vit_attach_map_domain(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old);
int vit_set_dev_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid, struct iommu_domain *old);
int vit_set_pasid(struct vit_endpoint *endpoint, u32 pasid, struct vit_domain *domain, const struct vit_cd *cd);
int vit_leave_pasid(struct vit_endpoint *endpoint, u32 pasid);
void vit_detach(struct vit_endpoint *endpoint);

/* table_domain.c */
struct iommu_domain *vit_alloc_paging(struct device *dev, u32 flags, const struct iommu_user_data *data);
void vit_domain_init(struct vit_domain *domain, struct vit_device *viommu, enum vit_kind kind);
int vit_asid_alloc(struct vit_domain *domain);
void vit_asid_free(struct vit_domain *domain);
int vit_domain_add_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid);
void vit_domain_remove_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid);
void vit_flush_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid);
void vit_domain_flush_range(struct vit_domain *domain, unsigned long first, unsigned long last, bool leaf);
void vit_domain_flush(struct vit_domain *domain);

/* map_domain.c */
struct iommu_domain *vit_alloc_map_domain(struct vit_endpoint *endpoint);
void vit_map_domain_enter(struct vit_domain *domain);
void vit_map_domain_leave(struct vit_domain *domain);

/* sva.c */
struct iommu_domain *vit_alloc_sva(struct device *dev, struct mm_struct *mm);

/* events.c */
int vit_events_init(struct vit_device *viommu);
int vit_events_fill(struct vit_device *viommu);
void vit_events_interrupt(struct virtqueue *queue);
void vit_events_free(struct vit_device *viommu);
void vit_page_response(struct device *dev, struct iopf_fault *fault, struct iommu_page_response *response);
void vit_drain_page_requests(struct vit_endpoint *endpoint);

#endif
