// SPDX-License-Identifier: GPL-2.0
/* Which domain of the device an endpoint is in, and which contexts its table has. Under the group's mutex. */
#include <linux/slab.h>

#include "viommu.h"

/* Puts an endpoint into a domain of the device; it leaves the one it is in at the same moment. */
static int vit_enter(struct vit_endpoint *endpoint, u32 id, u32 flags, enum vit_mode mode)
{
	struct virtio_iommu_req_attach request = {
		.head.type = VIRTIO_IOMMU_T_ATTACH,
		.domain = cpu_to_le32(id),
		.endpoint = cpu_to_le32(endpoint->id),
		.flags = cpu_to_le32(flags),
	};
	int error = vit_send(endpoint->viommu, &request, sizeof(request));

	if (error)
		return error;
	WRITE_ONCE(endpoint->mode, mode);
	endpoint->attached_id = id;
	return 0;
}

/* An id of its own for each form: the device does not let a domain's table change. */
static int vit_table_id(struct vit_endpoint *endpoint, u8 s1dss)
{
	struct vit_device *viommu = endpoint->viommu;
	int id;

	if (!endpoint->table_ids[s1dss]) {
		id = ida_alloc_range(&viommu->domain_ids, viommu->blocked_id + 1, viommu->last_domain, GFP_KERNEL);
		if (id < 0)
			return id;
		endpoint->table_ids[s1dss] = id;
	}
	return 0;
}

static int vit_enter_table(struct vit_endpoint *endpoint, u8 s1dss)
{
	struct vit_req_attach_table request = {
		.head.type = VIT_T_ATTACH_TABLE,
		.endpoint = cpu_to_le32(endpoint->id),
		.format = cpu_to_le16(VIT_FORMAT_ARM_SMMUV3),
		.s1fmt = vit_contexts_format(&endpoint->contexts),
		.s1dss = s1dss,
		.s1contextptr = cpu_to_le64(vit_contexts_pointer(&endpoint->contexts)),
		.s1cdmax = cpu_to_le32(endpoint->contexts.pasid_bits),
	};
	enum vit_mode old_mode = endpoint->mode;
	u32 old_id = endpoint->attached_id;
	int error;

	if (endpoint->mode == VIT_TABLE && endpoint->s1dss == s1dss)
		return 0;
	error = vit_table_id(endpoint, s1dss);
	if (error)
		return error;
	request.domain = cpu_to_le32(endpoint->table_ids[s1dss]);
	/* First, so that what is unmapped while the device begins to use the table is told to it. */
	WRITE_ONCE(endpoint->attached_id, endpoint->table_ids[s1dss]);
	smp_wmb(); /* vit_post_invalidate() reads them the other way round. */
	WRITE_ONCE(endpoint->mode, VIT_TABLE);
	error = vit_send(endpoint->viommu, &request, sizeof(request));
	if (error) {
		WRITE_ONCE(endpoint->mode, old_mode);
		WRITE_ONCE(endpoint->attached_id, old_id);
		return error;
	}
	endpoint->s1dss = s1dss;
	return 0;
}

/* Linux's domain for requests without PASID has changed; what is cached of the old one is still there. */
static void vit_leave_rid_domain(struct vit_endpoint *endpoint, struct vit_domain *next)
{
	struct vit_domain *old = endpoint->rid_domain;

	endpoint->rid_domain = next;
	if (!old || old == next)
		return;
	if (old->kind == VIT_MAP_DOMAIN) {
		vit_map_domain_leave(old);
	} else {
		vit_flush_user(old, endpoint, IOMMU_NO_PASID);
		vit_domain_remove_user(old, endpoint, IOMMU_NO_PASID);
	}
}

int vit_attach_table_domain(struct iommu_domain *iommu_domain, struct device *dev, struct iommu_domain *old)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct vit_cd cd;
	int error;

	if (domain->viommu != endpoint->viommu || !endpoint->has_tables ||
	    domain->input_bits > endpoint->input_bits)
		return -EINVAL;
	if (endpoint->rid_domain == domain)
		return 0;
	error = vit_domain_add_user(domain, endpoint, IOMMU_NO_PASID);
	if (error)
		return error;
	vit_pages_context(&cd, &io_pgtable_ops_to_pgtable(domain->pages)->cfg, domain->asid);
	error = vit_write_context(endpoint, IOMMU_NO_PASID, &cd);
	if (!error)
		error = vit_enter_table(endpoint, VIT_S1DSS_SSID0);
	if (error) {
		/* It was not in its table: nothing uses the context. */
		vit_clear_context(endpoint, IOMMU_NO_PASID);
		vit_domain_remove_user(domain, endpoint, IOMMU_NO_PASID);
		return error;
	}
	vit_leave_rid_domain(endpoint, domain);
	vit_enable_ats(endpoint);
	return 0;
}

int vit_attach_map_domain(struct iommu_domain *iommu_domain, struct device *dev, struct iommu_domain *old)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	int error;

	if (domain->viommu != endpoint->viommu)
		return -EINVAL;
	if (endpoint->live_pasids)
		return -EBUSY;
	if (endpoint->rid_domain == domain)
		return 0;
	vit_disable_ats(endpoint);
	error = vit_enter(endpoint, domain->id, 0, VIT_MAPPED);
	if (error)
		return error;
	vit_map_domain_enter(domain);
	vit_leave_rid_domain(endpoint, domain);
	return 0;
}

static int vit_attach_identity(struct iommu_domain *iommu_domain, struct device *dev, struct iommu_domain *old)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	int error;

	if (endpoint->live_pasids) {
		error = vit_enter_table(endpoint, VIT_S1DSS_BYPASS);
	} else {
		vit_disable_ats(endpoint);
		error = vit_enter(endpoint, endpoint->viommu->bypass_id, VIRTIO_IOMMU_ATTACH_F_BYPASS, VIT_BYPASS);
	}
	if (error)
		return error;
	if (endpoint->has_tables)
		vit_clear_context(endpoint, IOMMU_NO_PASID);
	vit_leave_rid_domain(endpoint, NULL);
	return 0;
}

static int vit_attach_blocked(struct iommu_domain *iommu_domain, struct device *dev, struct iommu_domain *old)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	int error;

	if (!endpoint->live_pasids)
		vit_disable_ats(endpoint);
	if (endpoint->has_tables) {
		vit_clear_context(endpoint, IOMMU_NO_PASID);
		error = vit_enter_table(endpoint, VIT_S1DSS_SSID0);
	} else {
		error = vit_enter(endpoint, endpoint->viommu->blocked_id, 0, VIT_MAPPED);
	}
	if (!error)
		vit_leave_rid_domain(endpoint, NULL);
	return error;
}

static int vit_start_faults(struct vit_endpoint *endpoint)
{
	int error;

	if (endpoint->iopf_users++)
		return 0;
	error = iopf_queue_add_device(endpoint->viommu->iopf, endpoint->dev);
	if (!error) {
		error = vit_enable_page_requests(endpoint);
		if (!error)
			return 0;
		iopf_queue_remove_device(endpoint->viommu->iopf, endpoint->dev);
	}
	endpoint->iopf_users--;
	return error;
}

static void vit_stop_faults(struct vit_endpoint *endpoint)
{
	if (--endpoint->iopf_users)
		return;
	vit_disable_page_requests(endpoint);
	iopf_queue_remove_device(endpoint->viommu->iopf, endpoint->dev);
}

/* A PASID gets a domain, in place of another or of none. */
int vit_set_pasid(struct vit_endpoint *endpoint, u32 pasid, struct vit_domain *domain, const struct vit_cd *cd)
{
	struct vit_domain *old = xa_load(&endpoint->pasids, pasid);
	int error;

	if (domain->viommu != endpoint->viommu || !endpoint->has_tables || pasid >> endpoint->pasid_bits)
		return -EINVAL;
	if (endpoint->mode == VIT_MAPPED)
		return -EBUSY;
	error = vit_domain_add_user(domain, endpoint, pasid);
	if (error)
		return error;
	error = vit_write_context(endpoint, pasid, cd);
	if (error)
		goto no_context;
	error = vit_enter_table(endpoint, endpoint->mode == VIT_BYPASS ? VIT_S1DSS_BYPASS :
					  endpoint->mode == VIT_TABLE  ? endpoint->s1dss :
									 VIT_S1DSS_SSID0);
	if (error)
		goto no_table;
	vit_enable_ats(endpoint);
	error = xa_err(xa_store(&endpoint->pasids, pasid, domain, GFP_KERNEL));
	if (error)
		goto no_table;
	if (domain->domain.iopf_handler) {
		error = vit_start_faults(endpoint);
		if (error)
			goto no_faults;
	}
	if (!old) {
		endpoint->live_pasids++;
		return 0;
	}
	vit_flush_user(old, endpoint, pasid);
	if (old->domain.iopf_handler)
		vit_stop_faults(endpoint);
	vit_domain_remove_user(old, endpoint, pasid);
	return 0;

no_faults:
	xa_erase(&endpoint->pasids, pasid);
no_table:
	vit_clear_context(endpoint, pasid);
	vit_flush_user(domain, endpoint, pasid);
no_context:
	vit_domain_remove_user(domain, endpoint, pasid);
	return error;
}

/* When this returns, no request with the PASID is translated, and no page request of it is on its way to Linux. */
int vit_leave_pasid(struct vit_endpoint *endpoint, u32 pasid)
{
	struct vit_domain *domain = xa_erase(&endpoint->pasids, pasid);

	if (!domain)
		return 0;
	vit_clear_context(endpoint, pasid);
	vit_flush_user(domain, endpoint, pasid);
	if (domain->domain.iopf_handler) {
		vit_drain_page_requests(endpoint);
		vit_stop_faults(endpoint);
	}
	vit_domain_remove_user(domain, endpoint, pasid);
	if (!--endpoint->live_pasids && !endpoint->rid_domain)
		vit_disable_ats(endpoint);
	return 0;
}

int vit_set_dev_pasid(struct iommu_domain *iommu_domain, struct device *dev, ioasid_t pasid,
		      struct iommu_domain *old)
{
	struct vit_domain *domain = to_vit_domain(iommu_domain);
	struct vit_cd cd;

	vit_pages_context(&cd, &io_pgtable_ops_to_pgtable(domain->pages)->cfg, domain->asid);
	return vit_set_pasid(dev_iommu_priv_get(dev), pasid, domain, &cd);
}

static int vit_block_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid, struct iommu_domain *old)
{
	return vit_leave_pasid(dev_iommu_priv_get(dev), pasid);
}

static const struct iommu_domain_ops vit_identity_ops = {
	.attach_dev = vit_attach_identity,
};

struct iommu_domain vit_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &vit_identity_ops,
};

static const struct iommu_domain_ops vit_blocked_ops = {
	.attach_dev = vit_attach_blocked,
	.set_dev_pasid = vit_block_pasid,
};

struct iommu_domain vit_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &vit_blocked_ops,
};

/* The endpoint leaves Linux; what it reaches then is for the device's "bypass" to say. */
void vit_detach(struct vit_endpoint *endpoint)
{
	struct vit_device *viommu = endpoint->viommu;
	struct virtio_iommu_req_detach request = {
		.head.type = VIRTIO_IOMMU_T_DETACH,
		.domain = cpu_to_le32(endpoint->attached_id),
		.endpoint = cpu_to_le32(endpoint->id),
	};
	unsigned long pasid;
	void *entry;
	int i;

	xa_for_each(&endpoint->pasids, pasid, entry)
		vit_leave_pasid(endpoint, pasid);
	vit_disable_ats(endpoint);
	if (endpoint->has_tables)
		vit_clear_context(endpoint, IOMMU_NO_PASID);
	/* It fails for a function that was pulled, which the device knows no more. */
	if (endpoint->mode != VIT_NOTHING)
		vit_send(viommu, &request, sizeof(request));
	WRITE_ONCE(endpoint->mode, VIT_NOTHING);
	vit_leave_rid_domain(endpoint, NULL);
	for (i = 0; i < ARRAY_SIZE(endpoint->table_ids); i++) {
		if (endpoint->table_ids[i])
			ida_free(&viommu->domain_ids, endpoint->table_ids[i]);
	}
}
