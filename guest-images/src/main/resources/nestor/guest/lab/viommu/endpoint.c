// SPDX-License-Identifier: GPL-2.0
/* Endpoints: what the device says of them, and what PCI functions among them are told to do. */
#include <linux/types.h>
#include <linux/list.h>
#include <linux/of_iommu.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/slab.h>

#include "viommu.h"

/* Where Linux puts the interrupt controller's doorbell, for endpoints whose device does not say. */
#define VIT_MSI_BASE 0x8000000
#define VIT_MSI_BYTES 0x100000

#define VIT_MAX_PAGE_REQUESTS 64

static int vit_add_region(struct vit_endpoint *endpoint, const struct virtio_iommu_probe_resv_mem *memory)
{
	u64 start = le64_to_cpu(memory->start), end = le64_to_cpu(memory->end);
	struct iommu_resv_region *region;
	bool msi = memory->subtype == VIRTIO_IOMMU_RESV_MEM_T_MSI;

	if (end < start || end - start == U64_MAX)
		return -EINVAL;
	region = iommu_alloc_resv_region(start, end - start + 1,
					 msi ? IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO : 0,
					 msi ? IOMMU_RESV_MSI : IOMMU_RESV_RESERVED, GFP_KERNEL);
	if (!region)
		return -ENOMEM;
	list_add_tail(&region->list, &endpoint->regions);
	return 0;
}

struct vit_offer {
	bool arm_pages;
	bool arm_contexts;
	unsigned int asid_bits;
};

/* Properties of an unknown type, or too short, mean nothing to us. */
static int vit_property(struct vit_endpoint *endpoint, struct vit_offer *offer,
			const struct virtio_iommu_probe_property *head, size_t bytes)
{
	const struct vit_probe_format *format = (const void *)head;
	const struct vit_probe_range *range = (const void *)head;

	switch (le16_to_cpu(head->type) & VIRTIO_IOMMU_PROBE_T_MASK) {
	case VIRTIO_IOMMU_PROBE_T_RESV_MEM:
		if (bytes >= sizeof(struct virtio_iommu_probe_resv_mem))
			return vit_add_region(endpoint, (const void *)head);
		break;
	case VIT_PROBE_T_PAGE_SIZE_MASK:
		if (bytes >= sizeof(struct vit_probe_mask))
			endpoint->page_sizes = le64_to_cpu(((const struct vit_probe_mask *)head)->mask);
		break;
	case VIT_PROBE_T_INPUT_RANGE:
		/* Tables begin at 0. */
		if (bytes >= sizeof(*range) && !range->start)
			endpoint->input_bits = min(fls64(le64_to_cpu(range->end)), 48);
		break;
	case VIT_PROBE_T_OUTPUT_SIZE:
		if (bytes >= sizeof(struct vit_probe_size))
			endpoint->output_bits = ((const struct vit_probe_size *)head)->bits;
		break;
	case VIT_PROBE_T_PASID_SIZE:
		if (bytes >= sizeof(struct vit_probe_size))
			endpoint->pasid_bits = ((const struct vit_probe_size *)head)->bits;
		break;
	case VIT_PROBE_T_PAGE_TABLE_FMT:
		if (bytes >= sizeof(*format) && le16_to_cpu(format->format) == VIT_FORMAT_ARM_LPAE) {
			offer->arm_pages = true;
			offer->asid_bits = le16_to_cpu(format->asid_bits);
			endpoint->format_flags = le32_to_cpu(format->flags);
		}
		break;
	case VIT_PROBE_T_PASID_TABLE_FMT:
		if (bytes >= sizeof(*format) && le16_to_cpu(format->format) == VIT_FORMAT_ARM_SMMUV3)
			offer->arm_contexts = true;
		break;
	}
	return 0;
}

static int vit_probe_properties(struct vit_endpoint *endpoint)
{
	struct vit_device *viommu = endpoint->viommu;
	const struct virtio_iommu_probe_property *head;
	struct virtio_iommu_req_probe *probe;
	struct vit_offer offer = {};
	size_t at, bytes;
	int error;

	probe = kzalloc(sizeof(*probe) + viommu->probe_bytes + sizeof(struct virtio_iommu_req_tail),
			GFP_KERNEL);
	if (!probe)
		return -ENOMEM;
	probe->head.type = VIRTIO_IOMMU_T_PROBE;
	probe->endpoint = cpu_to_le32(endpoint->id);
	error = vit_send_probe(viommu, probe);
	for (at = 0; !error && at + sizeof(*head) <= viommu->probe_bytes; at += bytes) {
		head = (const void *)(probe->properties + at);
		if (!(le16_to_cpu(head->type) & VIRTIO_IOMMU_PROBE_T_MASK))
			break;
		bytes = sizeof(*head) + le16_to_cpu(head->length);
		if (at + bytes > viommu->probe_bytes)
			break;
		error = vit_property(endpoint, &offer, head, bytes);
	}
	kfree(probe);
	if (error)
		return error;
	endpoint->has_tables = viommu->has_tables && offer.arm_pages && offer.arm_contexts &&
			       offer.asid_bits >= 16 && endpoint->output_bits && endpoint->input_bits &&
			       endpoint->page_sizes & PAGE_SIZE;
	return 0;
}

static void vit_enable_pasids(struct vit_endpoint *endpoint)
{
	struct pci_dev *pdev;
	int pasids;

	if (!endpoint->has_tables || !dev_is_pci(endpoint->dev)) {
		endpoint->pasid_bits = 0;
		return;
	}
	pdev = to_pci_dev(endpoint->dev);
	pasids = pci_max_pasids(pdev);
	if (pasids <= 0 || pci_enable_pasid(pdev, pci_pasid_features(pdev))) {
		endpoint->pasid_bits = 0;
		return;
	}
	endpoint->pasid_enabled = true;
	endpoint->pasid_bits = min_t(unsigned int, endpoint->pasid_bits, ilog2(pasids));
}

static struct vit_device *vit_device_of(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);

	return fwspec ? vit_find_device(fwspec->iommu_fwnode) : NULL;
}

static void vit_free_endpoint(struct vit_endpoint *endpoint)
{
	iommu_put_resv_regions(endpoint->dev, &endpoint->regions);
	vit_contexts_free(&endpoint->contexts);
	xa_destroy(&endpoint->pasids);
	if (endpoint->pasid_enabled)
		pci_disable_pasid(to_pci_dev(endpoint->dev));
	kfree(endpoint);
}

struct iommu_device *vit_probe_device(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct vit_device *viommu = vit_device_of(dev);
	struct vit_endpoint *endpoint;
	int error = 0;

	if (!viommu || fwspec->num_ids != 1)
		return ERR_PTR(-ENODEV);
	endpoint = kzalloc_obj(*endpoint);
	if (!endpoint)
		return ERR_PTR(-ENOMEM);
	endpoint->dev = dev;
	endpoint->viommu = viommu;
	endpoint->id = fwspec->ids[0];
	INIT_LIST_HEAD(&endpoint->regions);
	xa_init(&endpoint->pasids);
	if (viommu->probe_bytes)
		error = vit_probe_properties(endpoint);
	if (error)
		goto fail;
	vit_enable_pasids(endpoint);
	if (endpoint->has_tables)
		error = vit_contexts_alloc(&endpoint->contexts, endpoint->pasid_bits);
	if (error)
		goto fail;
	mutex_lock(&viommu->endpoints_lock);
	error = xa_insert(&viommu->endpoints, endpoint->id, endpoint, GFP_KERNEL);
	mutex_unlock(&viommu->endpoints_lock);
	if (error)
		goto fail;
	dev_iommu_priv_set(dev, endpoint);
	return &viommu->iommu;
fail:
	vit_free_endpoint(endpoint);
	return ERR_PTR(error);
}

void vit_release_device(struct device *dev)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct vit_device *viommu = endpoint->viommu;

	vit_detach(endpoint);
	mutex_lock(&viommu->endpoints_lock);
	xa_erase(&viommu->endpoints, endpoint->id);
	mutex_unlock(&viommu->endpoints_lock);
	vit_free_endpoint(endpoint);
}

void vit_get_regions(struct device *dev, struct list_head *list)
{
	struct vit_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct iommu_resv_region *region, *copy;
	bool msi = false;

	list_for_each_entry(region, &endpoint->regions, list) {
		copy = kmemdup(region, sizeof(*region), GFP_KERNEL);
		if (!copy)
			return;
		msi |= region->type == IOMMU_RESV_MSI;
		list_add_tail(&copy->list, list);
	}
	if (!msi) {
		copy = iommu_alloc_resv_region(VIT_MSI_BASE, VIT_MSI_BYTES,
					       IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO,
					       IOMMU_RESV_SW_MSI, GFP_KERNEL);
		if (copy)
			list_add_tail(&copy->list, list);
	}
	of_iommu_get_resv_regions(dev, list);
}

/* The device answers Translation Requests of endpoints that are attached to tables, and of no others. */
void vit_enable_ats(struct vit_endpoint *endpoint)
{
	struct pci_dev *pdev;

	if (endpoint->ats_enabled || !dev_is_pci(endpoint->dev))
		return;
	pdev = to_pci_dev(endpoint->dev);
	if (!pci_ats_supported(pdev))
		return;
	if (pci_enable_ats(pdev, PAGE_SHIFT))
		dev_warn(endpoint->dev, "ATS cannot be enabled\n");
	else
		endpoint->ats_enabled = true;
}

void vit_disable_ats(struct vit_endpoint *endpoint)
{
	if (endpoint->ats_enabled)
		pci_disable_ats(to_pci_dev(endpoint->dev));
	endpoint->ats_enabled = false;
}

/*
 * Linux has functions for this, and keeps them from modules but for pci_disable_pri(), which wants the same marks that
 * we leave here. They also have it restored after a reset of the function.
 */
int vit_enable_page_requests(struct vit_endpoint *endpoint)
{
	struct pci_dev *pdev;
	u32 capacity;
	u16 status;

	if (!endpoint->ats_enabled || !endpoint->viommu->has_page_requests)
		return -EOPNOTSUPP;
	pdev = to_pci_dev(endpoint->dev);
	if (pdev->is_virtfn || !pdev->pri_cap)
		return -EOPNOTSUPP;
	if (pdev->pri_enabled)
		return 0;
	pci_read_config_word(pdev, pdev->pri_cap + PCI_PRI_STATUS, &status);
	if (!(status & PCI_PRI_STATUS_STOPPED))
		return -EBUSY;
	/* An earlier user's failed requests must not stop the next one's. */
	pci_write_config_word(pdev, pdev->pri_cap + PCI_PRI_CTRL, PCI_PRI_CTRL_RESET);
	pci_read_config_dword(pdev, pdev->pri_cap + PCI_PRI_MAX_REQ, &capacity);
	pdev->pri_reqs_alloc = min(capacity, VIT_MAX_PAGE_REQUESTS);
	pci_write_config_dword(pdev, pdev->pri_cap + PCI_PRI_ALLOC_REQ, pdev->pri_reqs_alloc);
	pci_write_config_word(pdev, pdev->pri_cap + PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE);
	pdev->pri_enabled = 1;
	return 0;
}

void vit_disable_page_requests(struct vit_endpoint *endpoint)
{
	struct pci_dev *pdev;

	if (!dev_is_pci(endpoint->dev))
		return;
	pdev = to_pci_dev(endpoint->dev);
	if (pdev->pri_enabled)
		pci_disable_pri(pdev);
}
