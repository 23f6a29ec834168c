// SPDX-License-Identifier: GPL-2.0
/* Domains with a page table. A map is no request; an unmap is one for a run of pages, by ASID, PASID and address. */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "viommu.h"

#define VIT_MAX_ASID 0xffff

/*
 * A bug on request, for a tool that is to find it: caches (VIT_INV_C_*) that invalidations by address leave out, as a
 * driver does that forgot one. Whatever the function has cached then outlives an unmap.
 */
static ushort vit_leave_out;
module_param_named(leave_out, vit_leave_out, ushort, 0644);
MODULE_PARM_DESC(leave_out, "planted bug: caches that invalidations by address leave out: 1 IOTLB, 2 device TLB");

static const struct iommu_domain_ops vit_table_ops;

void vit_domain_init(struct vit_domain *domain, struct vit_device *viommu, enum vit_kind kind)
{
	domain->viommu = viommu;
	domain->kind = kind;
	spin_lock_init(&domain->users_lock);
	INIT_LIST_HEAD(&domain->users);
	spin_lock_init(&domain->mappings_lock);
	domain->mappings = RB_ROOT_CACHED;
}

int vit_asid_alloc(struct vit_domain *domain)
{
	u32 asid;
	int error = xa_alloc(&domain->viommu->asids, &asid, domain, XA_LIMIT(1, VIT_MAX_ASID), GFP_KERNEL);

	domain->asid = error ? 0 : asid;
	return error;
}

/* Nothing may be cached by it: its last user has seen to that. */
void vit_asid_free(struct vit_domain *domain)
{
	xa_erase(&domain->viommu->asids, domain->asid);
}

int vit_domain_add_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid)
{
	struct vit_user *user = kzalloc_obj(*user);
	unsigned long flags;

	if (!user)
		return -ENOMEM;
	user->endpoint = endpoint;
	user->pasid = pasid;
	spin_lock_irqsave(&domain->users_lock, flags);
	list_add(&user->node, &domain->users);
	spin_unlock_irqrestore(&domain->users_lock, flags);
	return 0;
}

void vit_domain_remove_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid)
{
	struct vit_user *user, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&domain->users_lock, flags);
	list_for_each_entry(user, &domain->users, node) {
		if (user->endpoint == endpoint && user->pasid == pasid) {
			found = user;
			list_del(&user->node);
			break;
		}
	}
	spin_unlock_irqrestore(&domain->users_lock, flags);
	kfree(found);
}

static void vit_post_flush(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid,
			   struct vit_req_invalidate request)
{
	u16 caches = VIT_INV_C_IOTLB | (endpoint->ats_enabled ? VIT_INV_C_DEV_IOTLB : 0);

	if (request.granularity == cpu_to_le16(VIT_INV_G_ADDRESS))
		caches &= ~READ_ONCE(vit_leave_out);
	if (!caches)
		return;
	request.caches = cpu_to_le16(caches);
	request.flags |= cpu_to_le16(VIT_INV_F_ARCHID);
	request.archid = cpu_to_le64(domain->asid);
	vit_post_invalidate(endpoint, pasid, &request);
}

/* All that one endpoint may have cached of a domain by one PASID. */
void vit_flush_user(struct vit_domain *domain, struct vit_endpoint *endpoint, u32 pasid)
{
	struct vit_req_invalidate request = { .granularity = cpu_to_le16(VIT_INV_G_PASID) };

	vit_post_flush(domain, endpoint, pasid, request);
	vit_sync(domain->viommu);
}

static void vit_flush_users(struct vit_domain *domain, const struct vit_req_invalidate *request)
{
	struct vit_user *user;
	unsigned long flags;

	/* Entries were cleared before; whoever attaches now reads them as they are. */
	smp_mb();
	spin_lock_irqsave(&domain->users_lock, flags);
	list_for_each_entry(user, &domain->users, node)
		vit_post_flush(domain, user->endpoint, user->pasid, *request);
	spin_unlock_irqrestore(&domain->users_lock, flags);
	vit_sync(domain->viommu);
}

/* Any context. @last is the range's last byte. */
void vit_domain_flush_range(struct vit_domain *domain, unsigned long first, unsigned long last, bool leaf)
{
	struct vit_req_invalidate request = {
		.granularity = cpu_to_le16(VIT_INV_G_ADDRESS),
		.flags = cpu_to_le16(leaf ? VIT_INV_F_LEAF : 0),
		.virt_start = cpu_to_le64(first & PAGE_MASK),
		.nr_pages = cpu_to_le64((last >> PAGE_SHIFT) - (first >> PAGE_SHIFT) + 1),
		.granule = PAGE_SHIFT,
	};

	vit_flush_users(domain, &request);
}

void vit_domain_flush(struct vit_domain *domain)
{
	struct vit_req_invalidate request = { .granularity = cpu_to_le16(VIT_INV_G_PASID) };

	vit_flush_users(domain, &request);
}

static void vit_tlb_flush_all(void *cookie)
{
	vit_domain_flush(cookie);
}

static void vit_tlb_flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	vit_domain_flush_range(cookie, iova, iova + size - 1, false);
}

static void vit_tlb_add_page(struct iommu_iotlb_gather *gather, unsigned long iova, size_t granule, void *cookie)
{
	struct vit_domain *domain = cookie;

	iommu_iotlb_gather_add_page(&domain->domain, gather, iova, granule);
}

static const struct iommu_flush_ops vit_flush_ops = {
	.tlb_flush_all = vit_tlb_flush_all,
	.tlb_flush_walk = vit_tlb_flush_walk,
	.tlb_add_page = vit_tlb_add_page,
};

static struct iommu_domain *vit_alloc_table_domain(struct vit_endpoint *endpoint)
{
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = endpoint->page_sizes,
		.ias = endpoint->input_bits,
		.oas = endpoint->output_bits,
		.coherent_walk = true,
		.tlb = &vit_flush_ops,
		.iommu_dev = &endpoint->viommu->vdev->dev,
	};
	struct vit_domain *domain = kzalloc_obj(*domain);
	int error;

	if (!domain)
		return ERR_PTR(-ENOMEM);
	vit_domain_init(domain, endpoint->viommu, VIT_TABLE_DOMAIN);
	error = vit_asid_alloc(domain);
	if (error)
		goto no_asid;
	domain->pages = alloc_io_pgtable_ops(ARM_64_LPAE_S1, &cfg, domain);
	if (!domain->pages) {
		error = -ENOMEM;
		goto no_pages;
	}
	domain->input_bits = cfg.ias;
	domain->domain.pgsize_bitmap = cfg.pgsize_bitmap;
	domain->domain.geometry = (struct iommu_domain_geometry) {
		.aperture_end = DMA_BIT_MASK(cfg.ias),
		.force_aperture = true,
	};
	domain->domain.ops = &vit_table_ops;
	return &domain->domain;
no_pages:
	vit_asid_free(domain);
no_asid:
	kfree(domain);
	return ERR_PTR(error);
}

struct iommu_domain *vit_alloc_paging(struct device *dev, u32 flags, const struct iommu_user_data *data)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	u32 known = endpoint->has_tables ? IOMMU_HWPT_ALLOC_PASID : 0;

	if (data || flags & ~known)
		return ERR_PTR(-EOPNOTSUPP);
	return endpoint->has_tables ? vit_alloc_table_domain(endpoint) : vit_alloc_map_domain(endpoint);
}

static int vit_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr, size_t page_bytes,
		   size_t count, int prot, gfp_t gfp, size_t *mapped)
{
	struct io_pgtable_ops *pages = to_vit_domain(domain)->pages;

	return pages->map_pages(pages, iova, paddr, page_bytes, count, prot, gfp, mapped);
}

static size_t vit_unmap(struct iommu_domain *domain, unsigned long iova, size_t page_bytes, size_t count,
			struct iommu_iotlb_gather *gather)
{
	struct io_pgtable_ops *pages = to_vit_domain(domain)->pages;

	return pages->unmap_pages(pages, iova, page_bytes, count, gather);
}

static void vit_flush_gathered(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	if (gather->pgsize)
		vit_domain_flush_range(to_vit_domain(domain), gather->start, gather->end, true);
}

static void vit_flush_all(struct iommu_domain *domain)
{
	vit_domain_flush(to_vit_domain(domain));
}

static phys_addr_t vit_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct io_pgtable_ops *pages = to_vit_domain(domain)->pages;

	return pages->iova_to_phys(pages, iova);
}

static void vit_free(struct iommu_domain *iommu_domain)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);

	free_io_pgtable_ops(domain->pages);
	vit_asid_free(domain);
	kfree(domain);
}

static const struct iommu_domain_ops vit_table_ops = {
	.attach_dev = vit_attach_table_domain,
	.set_dev_pasid = vit_set_dev_pasid,
	.map_pages = vit_map,
	.unmap_pages = vit_unmap,
	.flush_iotlb_all = vit_flush_all,
	.iotlb_sync = vit_flush_gathered,
	.iova_to_phys = vit_iova_to_phys,
	.free = vit_free,
};
