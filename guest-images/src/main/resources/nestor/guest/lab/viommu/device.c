// SPDX-License-Identifier: GPL-2.0
/* The virtio device and what it offers Linux. */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "viommu.h"

static LIST_HEAD(vit_devices);
static DEFINE_MUTEX(vit_devices_lock);

/* The transport's node is the one that an endpoint's "iommu-map" names. */
struct vit_device *vit_find_device(struct fwnode_handle *fwnode)
{
	struct vit_device *viommu, *found = NULL;

	mutex_lock(&vit_devices_lock);
	list_for_each_entry(viommu, &vit_devices, node) {
		if (device_match_fwnode(viommu->vdev->dev.parent, fwnode))
			found = viommu;
	}
	mutex_unlock(&vit_devices_lock);
	return found;
}

static bool vit_capable(struct device *dev, enum iommu_cap capability)
{
	switch (capability) {
	case IOMMU_CAP_CACHE_COHERENCY:
	case IOMMU_CAP_DEFERRED_FLUSH:
		return true;
	default:
		return false;
	}
}

static struct iommu_group *vit_group(struct device *dev)
{
	return dev_is_pci(dev) ? pci_device_group(dev) : generic_device_group(dev);
}

static int vit_of_xlate(struct device *dev, const struct of_phandle_args *args)
{
	return iommu_fwspec_add_ids(dev, args->args, 1);
}

static const struct iommu_ops vit_ops = {
	.capable = vit_capable,
	.identity_domain = &vit_identity_domain,
	.blocked_domain = &vit_blocked_domain,
	.domain_alloc_paging_flags = vit_alloc_paging,
	.domain_alloc_sva = vit_alloc_sva,
	.probe_device = vit_probe_device,
	.release_device = vit_release_device,
	.device_group = vit_group,
	.get_resv_regions = vit_get_regions,
	.of_xlate = vit_of_xlate,
	.page_response = vit_page_response,
	.owner = THIS_MODULE,
};

static void vit_read_config(struct vit_device *viommu)
{
	struct virtio_device *vdev = viommu->vdev;
	u64 first = 0, last = U64_MAX;
	u32 first_domain = 0;

	viommu->map_flags = VIRTIO_IOMMU_MAP_F_READ | VIRTIO_IOMMU_MAP_F_WRITE;
	if (virtio_has_feature(vdev, VIRTIO_IOMMU_F_MMIO))
		viommu->map_flags |= VIRTIO_IOMMU_MAP_F_MMIO;
	viommu->last_domain = INT_MAX;
	virtio_cread_le(vdev, struct virtio_iommu_config, page_size_mask, &viommu->page_sizes);
	virtio_cread_le_feature(vdev, VIRTIO_IOMMU_F_INPUT_RANGE, struct virtio_iommu_config, input_range.start, &first);
	virtio_cread_le_feature(vdev, VIRTIO_IOMMU_F_INPUT_RANGE, struct virtio_iommu_config, input_range.end, &last);
	virtio_cread_le_feature(vdev, VIRTIO_IOMMU_F_DOMAIN_RANGE, struct virtio_iommu_config, domain_range.start,
				&first_domain);
	virtio_cread_le_feature(vdev, VIRTIO_IOMMU_F_DOMAIN_RANGE, struct virtio_iommu_config, domain_range.end,
				&viommu->last_domain);
	virtio_cread_le_feature(vdev, VIRTIO_IOMMU_F_PROBE, struct virtio_iommu_config, probe_size,
				&viommu->probe_bytes);
	viommu->last_domain = min_t(u32, viommu->last_domain, INT_MAX);
	viommu->bypass_id = first_domain;
	viommu->blocked_id = first_domain + 1;
	viommu->geometry = (struct iommu_domain_geometry) {
		.aperture_start = first,
		.aperture_end = last,
		.force_aperture = true,
	};
	viommu->has_tables = virtio_has_feature(vdev, VIT_F_TABLE) && viommu->probe_bytes;
	viommu->has_page_requests = viommu->has_tables && virtio_has_feature(vdev, VIT_F_PAGE_REQUEST);
	/* Each endpoint has its own limit below it. */
	viommu->iommu.max_pasids = viommu->has_tables ? 1 << 20 : 0;
}

static int vit_find_queues(struct vit_device *viommu)
{
	struct virtqueue_info queues[] = { { "request" }, { "event", vit_events_interrupt } };
	struct virtqueue *found[ARRAY_SIZE(queues)];
	int error = virtio_find_vqs(viommu->vdev, ARRAY_SIZE(queues), found, queues, NULL);

	viommu->requests = error ? NULL : found[0];
	viommu->events = error ? NULL : found[1];
	return error;
}

#define VIT_COUNTER(_name)								\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attribute,	\
			    char *text)							\
{											\
	struct iommu_device *iommu = dev_get_drvdata(dev);				\
	struct vit_device *viommu = container_of(iommu, struct vit_device, iommu);	\
											\
	return sysfs_emit(text, "%llu\n", READ_ONCE(viommu->statistics._name));		\
}											\
static DEVICE_ATTR_RO(_name)

VIT_COUNTER(kicks);
VIT_COUNTER(attaches);
VIT_COUNTER(maps);
VIT_COUNTER(unmaps);
VIT_COUNTER(invalidations);
VIT_COUNTER(page_responses);
VIT_COUNTER(page_requests);
VIT_COUNTER(faults);

static struct attribute *vit_counters[] = {
	&dev_attr_kicks.attr,	      &dev_attr_attaches.attr,	     &dev_attr_maps.attr,
	&dev_attr_unmaps.attr,	      &dev_attr_invalidations.attr,  &dev_attr_page_responses.attr,
	&dev_attr_page_requests.attr, &dev_attr_faults.attr,	     NULL
};

static const struct attribute_group vit_statistics_group = {
	.name = "statistics",
	.attrs = vit_counters,
};

static const struct attribute_group *vit_groups[] = {
	&vit_statistics_group,
	NULL
};

static int vit_register(struct vit_device *viommu)
{
	struct virtio_device *vdev = viommu->vdev;
	int error = iommu_device_sysfs_add(&viommu->iommu, &vdev->dev, vit_groups, "%s", dev_name(&vdev->dev));

	if (error)
		return error;
	mutex_lock(&vit_devices_lock);
	list_add(&viommu->node, &vit_devices);
	mutex_unlock(&vit_devices_lock);
	error = iommu_device_register(&viommu->iommu, &vit_ops, vdev->dev.parent);
	if (!error)
		return 0;
	mutex_lock(&vit_devices_lock);
	list_del(&viommu->node);
	mutex_unlock(&vit_devices_lock);
	iommu_device_sysfs_remove(&viommu->iommu);
	return error;
}

static int vit_probe(struct virtio_device *vdev)
{
	struct vit_device *viommu;
	int error;

	/* Bypass as an attachment is what identity domains are made of. */
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1) ||
	    !virtio_has_feature(vdev, VIRTIO_IOMMU_F_MAP_UNMAP) ||
	    !virtio_has_feature(vdev, VIRTIO_IOMMU_F_BYPASS_CONFIG))
		return -ENODEV;
	viommu = devm_kzalloc(&vdev->dev, sizeof(*viommu), GFP_KERNEL);
	if (!viommu)
		return -ENOMEM;
	viommu->vdev = vdev;
	vdev->priv = viommu;
	ida_init(&viommu->domain_ids);
	xa_init_flags(&viommu->asids, XA_FLAGS_ALLOC1);
	error = vit_requests_init(viommu);
	if (!error)
		error = vit_events_init(viommu);
	if (error)
		return error;
	error = vit_find_queues(viommu);
	if (error)
		goto no_queues;
	vit_read_config(viommu);
	virtio_device_ready(vdev);
	error = vit_events_fill(viommu);
	if (!error)
		error = vit_register(viommu);
	if (error)
		goto not_registered;
	dev_info(&vdev->dev, "%s, page sizes 0x%llx\n",
		 viommu->has_tables ? "page tables of ours" : "MAP and UNMAP requests", viommu->page_sizes);
	return 0;
not_registered:
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
no_queues:
	vit_events_free(viommu);
	return error;
}

static void vit_remove(struct virtio_device *vdev)
{
	struct vit_device *viommu = vdev->priv;

	iommu_device_sysfs_remove(&viommu->iommu);
	iommu_device_unregister(&viommu->iommu);
	mutex_lock(&vit_devices_lock);
	list_del(&viommu->node);
	mutex_unlock(&vit_devices_lock);
	/* Whoever still polls for an answer gives up. */
	virtio_break_device(vdev);
	virtio_reset_device(vdev);
	vit_events_free(viommu);
	vdev->config->del_vqs(vdev);
	xa_destroy(&viommu->asids);
	ida_destroy(&viommu->domain_ids);
}

static unsigned int vit_features[] = {
	VIRTIO_IOMMU_F_MAP_UNMAP, VIRTIO_IOMMU_F_INPUT_RANGE, VIRTIO_IOMMU_F_DOMAIN_RANGE,
	VIRTIO_IOMMU_F_PROBE,	  VIRTIO_IOMMU_F_MMIO,	      VIRTIO_IOMMU_F_BYPASS_CONFIG,
	VIT_F_TABLE,		  VIT_F_PAGE_REQUEST,
};

static const struct virtio_device_id vit_ids[] = {
	{ VIRTIO_ID_IOMMU, VIRTIO_DEV_ANY_ID },
	{ }
};
MODULE_DEVICE_TABLE(virtio, vit_ids);

static struct virtio_driver vit_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.suppress_bind_attrs = true,
	.id_table = vit_ids,
	.feature_table = vit_features,
	.feature_table_size = ARRAY_SIZE(vit_features),
	.probe = vit_probe,
	.remove = vit_remove,
};

static int __init vit_init(void)
{
	return register_virtio_driver(&vit_driver);
}
module_init(vit_init);

static void __exit vit_exit(void)
{
	unregister_virtio_driver(&vit_driver);
	mmu_notifier_synchronize();
}
module_exit(vit_exit);

MODULE_DESCRIPTION("virtio-iommu with page tables and PASID tables of the guest");
MODULE_LICENSE("GPL");
