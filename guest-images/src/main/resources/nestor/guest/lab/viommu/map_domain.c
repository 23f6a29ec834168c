// SPDX-License-Identifier: GPL-2.0
/*
 * Domains without tables, for endpoints that have none: MAP and UNMAP requests. The device forgets a domain's mappings
 * when its last endpoint leaves, so they are kept here too.
 */
#include <linux/slab.h>

#include "viommu.h"

static const struct iommu_domain_ops vit_map_ops;

struct vit_mapping {
	struct interval_tree_node range;
	phys_addr_t paddr;
	u32 flags;
};

struct iommu_domain *vit_alloc_map_domain(struct vit_endpoint *endpoint)
{
	struct vit_device *viommu = endpoint->viommu;
	struct vit_domain *domain = kzalloc_obj(*domain);
	u64 sizes = endpoint->page_sizes ?: viommu->page_sizes;
	int id;

	if (!domain)
		return ERR_PTR(-ENOMEM);
	vit_domain_init(domain, viommu, VIT_MAP_DOMAIN);
	id = ida_alloc_range(&viommu->domain_ids, viommu->blocked_id + 1, viommu->last_domain, GFP_KERNEL);
	if (id < 0) {
		kfree(domain);
		return ERR_PTR(id);
	}
	domain->id = id;
	domain->domain.pgsize_bitmap = sizes;
	domain->domain.geometry = viommu->geometry;
	domain->domain.ops = &vit_map_ops;
	return &domain->domain;
}

static void vit_post_map(struct vit_domain *domain, const struct vit_mapping *mapping)
{
	struct virtio_iommu_req_map request = {
		.head.type = VIRTIO_IOMMU_T_MAP,
		.domain = cpu_to_le32(domain->id),
		.virt_start = cpu_to_le64(mapping->range.start),
		.virt_end = cpu_to_le64(mapping->range.last),
		.phys_start = cpu_to_le64(mapping->paddr),
		.flags = cpu_to_le32(mapping->flags),
	};

	vit_post(domain->viommu, &request, sizeof(request));
}

/* One more endpoint is attached. The first brings the mappings back. */
void vit_map_domain_enter(struct vit_domain *domain)
{
	struct interval_tree_node *node;
	unsigned long flags;

	spin_lock_irqsave(&domain->mappings_lock, flags);
	if (!domain->endpoints++) {
		for (node = interval_tree_iter_first(&domain->mappings, 0, ULONG_MAX); node;
		     node = interval_tree_iter_next(node, 0, ULONG_MAX))
			vit_post_map(domain, container_of(node, struct vit_mapping, range));
	}
	spin_unlock_irqrestore(&domain->mappings_lock, flags);
	vit_sync(domain->viommu);
}

void vit_map_domain_leave(struct vit_domain *domain)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->mappings_lock, flags);
	domain->endpoints--;
	spin_unlock_irqrestore(&domain->mappings_lock, flags);
}

static int vit_map(struct iommu_domain *iommu_domain, unsigned long iova, phys_addr_t paddr, size_t page_bytes,
		   size_t count, int prot, gfp_t gfp, size_t *mapped)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct vit_mapping *mapping;
	unsigned long flags;
	u32 rights = 0;

	rights |= prot & IOMMU_READ ? VIRTIO_IOMMU_MAP_F_READ : 0;
	rights |= prot & IOMMU_WRITE ? VIRTIO_IOMMU_MAP_F_WRITE : 0;
	rights |= prot & IOMMU_MMIO ? VIRTIO_IOMMU_MAP_F_MMIO : 0;
	mapping = kzalloc_obj(*mapping, GFP_ATOMIC);
	if (!mapping)
		return -ENOMEM;
	mapping->range.start = iova;
	mapping->range.last = iova + page_bytes * count - 1;
	mapping->paddr = paddr;
	mapping->flags = rights & domain->viommu->map_flags;
	spin_lock_irqsave(&domain->mappings_lock, flags);
	interval_tree_insert(&mapping->range, &domain->mappings);
	if (domain->endpoints)
		vit_post_map(domain, mapping);
	spin_unlock_irqrestore(&domain->mappings_lock, flags);
	*mapped = page_bytes * count;
	return 0;
}

/* Mappings go as they came: the device does not split them, and Linux does not ask for it. */
static size_t vit_unmap(struct iommu_domain *iommu_domain, unsigned long iova, size_t page_bytes, size_t count,
			struct iommu_iotlb_gather *gather)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	unsigned long last = iova + page_bytes * count - 1;
	struct interval_tree_node *node, *next;
	struct virtio_iommu_req_unmap request;
	unsigned long flags;
	size_t unmapped = 0;

	spin_lock_irqsave(&domain->mappings_lock, flags);
	for (node = interval_tree_iter_first(&domain->mappings, iova, last); node; node = next) {
		next = interval_tree_iter_next(node, iova, last);
		if (node->start != iova + unmapped)
			break;
		unmapped += node->last - node->start + 1;
		interval_tree_remove(node, &domain->mappings);
		kfree(container_of(node, struct vit_mapping, range));
	}
	if (unmapped && domain->endpoints) {
		request = (struct virtio_iommu_req_unmap) {
			.head.type = VIRTIO_IOMMU_T_UNMAP,
			.domain = cpu_to_le32(domain->id),
			.virt_start = cpu_to_le64(iova),
			.virt_end = cpu_to_le64(iova + unmapped - 1),
		};
		vit_post(domain->viommu, &request, sizeof(request));
	}
	spin_unlock_irqrestore(&domain->mappings_lock, flags);
	return unmapped;
}

static phys_addr_t vit_iova_to_phys(struct iommu_domain *iommu_domain, dma_addr_t iova)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct interval_tree_node *node;
	phys_addr_t paddr = 0;
	unsigned long flags;

	spin_lock_irqsave(&domain->mappings_lock, flags);
	node = interval_tree_iter_first(&domain->mappings, iova, iova);
	if (node)
		paddr = container_of(node, struct vit_mapping, range)->paddr + (iova - node->start);
	spin_unlock_irqrestore(&domain->mappings_lock, flags);
	return paddr;
}

static void vit_flush_all(struct iommu_domain *domain)
{
	vit_sync(to_vit_domain(domain)->viommu);
}

static void vit_flush_gathered(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	vit_sync(to_vit_domain(domain)->viommu);
}

static int vit_sync_map(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	vit_sync(to_vit_domain(domain)->viommu);
	return 0;
}

static void vit_free(struct iommu_domain *iommu_domain)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct interval_tree_node *node;

	while ((node = interval_tree_iter_first(&domain->mappings, 0, ULONG_MAX))) {
		interval_tree_remove(node, &domain->mappings);
		kfree(container_of(node, struct vit_mapping, range));
	}
	ida_free(&domain->viommu->domain_ids, domain->id);
	kfree(domain);
}

static const struct iommu_domain_ops vit_map_ops = {
	.attach_dev = vit_attach_map_domain,
	.map_pages = vit_map,
	.unmap_pages = vit_unmap,
	.flush_iotlb_all = vit_flush_all,
	.iotlb_sync = vit_flush_gathered,
	.iotlb_sync_map = vit_sync_map,
	.iova_to_phys = vit_iova_to_phys,
	.free = vit_free,
};
