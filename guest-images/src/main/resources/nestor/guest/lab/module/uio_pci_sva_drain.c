// SPDX-License-Identifier: GPL-2.0
/*
 * A UIO driver for functions that take addresses of a process, where the process may end with DMA in flight.
 *
 * To programs it is what uio_pci_sva is: opening /dev/uioN binds the process, the attribute "pasid" names it, BAR 0 is
 * map 0, an MSI is an interrupt. The difference is in closing. iommu_sva_unbind_device() wants a function that is quiet
 * and whose page requests have all been answered; uio_pci_sva unbinds at once, and a page request that still waits in
 * the IOMMU core's workqueue is freed under it. Here bus mastering goes off first; then the function says, by
 * Transactions Pending, when its last request is over, which for a stalled one is after its fault was answered.
 */
#include <linux/bitops.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/uio_driver.h>

#define DEMO_VENDOR 0x1234
#define DEMO_DEVICE 0x0b11
#define ENGINE_VENDOR 0x13b5
#define ENGINE_DEVICE 0xff80

struct drained {
	struct pci_dev *pdev;
	struct uio_info info;
	struct iommu_sva *bond;
	unsigned long bound;
	u32 pasid;
};

static int drained_open(struct uio_info *info, struct inode *inode)
{
	struct drained *drained = info->priv;
	struct iommu_sva *bond;

	if (test_and_set_bit(0, &drained->bound))
		return -EBUSY;
	bond = iommu_sva_bind_device(&drained->pdev->dev, current->mm);
	if (IS_ERR(bond)) {
		clear_bit(0, &drained->bound);
		return PTR_ERR(bond);
	}
	drained->bond = bond;
	drained->pasid = iommu_sva_get_pasid(bond);
	pci_set_master(drained->pdev);
	return 0;
}

static int drained_release(struct uio_info *info, struct inode *inode)
{
	struct drained *drained = info->priv;
	struct device *dev = &drained->pdev->dev;

	pci_clear_master(drained->pdev);
	if (!pci_wait_for_pending_transaction(drained->pdev))
		dev_warn(dev, "requests are pending, and will be lost\n");
	/* Only a function that may stall has a queue of faults. */
	if (device_property_read_bool(dev, "dma-can-stall"))
		iopf_queue_flush_dev(dev);
	iommu_sva_unbind_device(drained->bond);
	clear_bit(0, &drained->bound);
	return 0;
}

static irqreturn_t drained_interrupt(int irq, struct uio_info *info)
{
	return IRQ_HANDLED;
}

static void drained_free_vectors(void *pdev)
{
	pci_free_irq_vectors(pdev);
}

static int drained_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct drained *drained;
	int error;

	error = pcim_enable_device(pdev);
	if (error)
		return error;
	drained = devm_kzalloc(&pdev->dev, sizeof(*drained), GFP_KERNEL);
	if (!drained)
		return -ENOMEM;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (error < 0)
		return error;
	error = devm_add_action_or_reset(&pdev->dev, drained_free_vectors, pdev);
	if (error)
		return error;

	drained->pdev = pdev;
	drained->info = (struct uio_info) {
		.name = "uio_pci_sva_drain",
		.version = "1",
		.irq = pci_irq_vector(pdev, 0),
		.handler = drained_interrupt,
		.open = drained_open,
		.release = drained_release,
		.priv = drained,
		.mem[0] = {
			.name = "BAR 0",
			.memtype = UIO_MEM_PHYS,
			.addr = pci_resource_start(pdev, 0),
			.size = pci_resource_len(pdev, 0),
		},
	};
	pci_set_drvdata(pdev, drained);
	return devm_uio_register_device(&pdev->dev, &drained->info);
}

static ssize_t pasid_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	struct drained *drained = dev_get_drvdata(dev);

	return sysfs_emit(text, "%u\n", drained->pasid);
}
static DEVICE_ATTR_RO(pasid);

static struct attribute *drained_attrs[] = {
	&dev_attr_pasid.attr,
	NULL
};
ATTRIBUTE_GROUPS(drained);

static const struct pci_device_id drained_ids[] = {
	{ PCI_DEVICE(DEMO_VENDOR, DEMO_DEVICE) },
	{ PCI_DEVICE(ENGINE_VENDOR, ENGINE_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, drained_ids);

static struct pci_driver drained_driver = {
	.name = "uio_pci_sva_drain",
	.id_table = drained_ids,
	.probe = drained_probe,
	.dev_groups = drained_groups,
};
module_pci_driver(drained_driver);

MODULE_DESCRIPTION("UIO for PCI functions that share a process's memory, drained before they are unbound");
MODULE_LICENSE("GPL");
