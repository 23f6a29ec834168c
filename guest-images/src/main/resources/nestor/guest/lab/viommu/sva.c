// SPDX-License-Identifier: GPL-2.0
/*
 * Domains that are a process's page table. Their ASID is the IOMMU's own: CPUs' invalidations do not reach it, so each
 * is told to it by the notifier.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <asm/memory.h>

#include "viommu.h"

static void vit_mm_invalidate(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long start,
			      unsigned long end)
{
	struct vit_domain *domain = container_of(notifier, struct vit_domain, notifier);

	if (end > start)
		vit_domain_flush_range(domain, start, end - 1, false);
}

/* DMA may go on. The tables are about to be freed. */
static void vit_mm_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct vit_domain *domain = container_of(notifier, struct vit_domain, notifier);
	struct vit_user *user;
	unsigned long flags;

	spin_lock_irqsave(&domain->users_lock, flags);
	list_for_each_entry(user, &domain->users, node)
		vit_quieten_context(user->endpoint, user->pasid);
	spin_unlock_irqrestore(&domain->users_lock, flags);
	vit_domain_flush(domain);
}

static void vit_mm_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct vit_domain, notifier));
}

static const struct mmu_notifier_ops vit_mm_ops = {
	.arch_invalidate_secondary_tlbs = vit_mm_invalidate,
	.release = vit_mm_release,
	.free_notifier = vit_mm_free,
};

static int vit_sva_set_dev_pasid(struct iommu_domain *iommu_domain, struct device *dev, ioasid_t pasid,
				 struct iommu_domain *old)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct vit_cd cd;
	int error;

	/* While we hold it, nothing is released. */
	if (!mmget_not_zero(iommu_domain->mm))
		return -EINVAL;
	vit_mm_context(&cd, iommu_domain->mm, endpoint, domain->asid);
	error = vit_set_pasid(endpoint, pasid, domain, &cd);
	mmput(iommu_domain->mm);
	return error;
}

static void vit_sva_free(struct iommu_domain *iommu_domain)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);

	vit_asid_free(domain);
	mmu_notifier_put(&domain->notifier);
}

static const struct iommu_domain_ops vit_sva_ops = {
	.set_dev_pasid = vit_sva_set_dev_pasid,
	.free = vit_sva_free,
};

struct iommu_domain *vit_alloc_sva(struct device *dev, struct mm_struct *mm)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct vit_domain *domain;
	int error;

	if (!endpoint->pasid_bits || vabits_actual > 48 || endpoint->input_bits < vabits_actual)
		return ERR_PTR(-EOPNOTSUPP);
	domain = kzalloc_obj(*domain);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	vit_domain_init(domain, endpoint->viommu, VIT_SVA_DOMAIN);
	domain->domain.ops = &vit_sva_ops;
	domain->domain.pgsize_bitmap = PAGE_SIZE;
	error = vit_asid_alloc(domain);
	if (error)
		goto no_asid;
	domain->notifier.ops = &vit_mm_ops;
	error = mmu_notifier_register(&domain->notifier, mm);
	if (error)
		goto no_notifier;
	return &domain->domain;
no_notifier:
	vit_asid_free(domain);
no_asid:
	kfree(domain);
	return ERR_PTR(error);
}
