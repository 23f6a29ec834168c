/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the device understands besides the virtio specification's requests: its table profile "nestor". All fields are
 * little-endian. Sizes are of the part that the device reads, with the status of 4 bytes that it writes.
 */
#ifndef VIRTIO_IOMMU_TABLES_ABI_H
#define VIRTIO_IOMMU_TABLES_ABI_H

#include <linux/build_bug.h>
#include <linux/types.h>
#include <uapi/linux/virtio_iommu.h>

#define VIT_F_TABLE 20
#define VIT_F_PAGE_REQUEST 21

#define VIT_T_ATTACH_TABLE 6
#define VIT_T_INVALIDATE 7
#define VIT_T_PAGE_RESP 8

/* Properties of PROBE. */
#define VIT_PROBE_T_PAGE_SIZE_MASK 2
#define VIT_PROBE_T_INPUT_RANGE 3
#define VIT_PROBE_T_OUTPUT_SIZE 4
#define VIT_PROBE_T_PASID_SIZE 5
#define VIT_PROBE_T_PAGE_TABLE_FMT 6
#define VIT_PROBE_T_PASID_TABLE_FMT 7

struct vit_probe_mask {
	struct virtio_iommu_probe_property head;
	u8 reserved[4];
	__le64 mask;
};

struct vit_probe_range {
	struct virtio_iommu_probe_property head;
	u8 reserved[4];
	__le64 start;
	__le64 end;
};

struct vit_probe_size {
	struct virtio_iommu_probe_property head;
	u8 bits;
	u8 reserved[3];
};

struct vit_probe_format {
	struct virtio_iommu_probe_property head;
	__le16 format;
	__le16 asid_bits;
	__le32 flags;
	u8 reserved[4];
};

#define VIT_FORMAT_ARM_LPAE 1
#define VIT_FORMAT_ARM_SMMUV3 2

/* Of the Arm page-table format: the device sets the access flag, and the dirty state. */
#define VIT_FORMAT_F_HW_ACCESS BIT(0)
#define VIT_FORMAT_F_HW_DIRTY BIT(1)

/* A table of SMMUv3 Context descriptors, with the stream table entry's fields. */
struct vit_req_attach_table {
	struct virtio_iommu_req_head head;
	__le32 domain;
	__le32 endpoint;
	__le16 format;
	u8 s1fmt;
	u8 s1dss;
	__le64 s1contextptr;
	__le32 s1cdmax;
	u8 reserved[48];
	struct virtio_iommu_req_tail tail;
};
static_assert(sizeof(struct vit_req_attach_table) == 80);

#define VIT_S1FMT_LINEAR 0
#define VIT_S1FMT_64K_L2 2

/* What requests without PASID do: pass untranslated, or use descriptor 0. */
#define VIT_S1DSS_BYPASS 1
#define VIT_S1DSS_SSID0 2

struct vit_req_invalidate {
	struct virtio_iommu_req_head head;
	__le16 granularity;
	__le16 caches;
	__le16 flags;
	u8 reserved1[2];
	__le32 domain;
	__le32 pasid;
	u8 reserved2[4];
	__le64 archid;
	__le64 virt_start;
	__le64 nr_pages;
	u8 granule;
	u8 reserved3[11];
	struct virtio_iommu_req_tail tail;
};
static_assert(sizeof(struct vit_req_invalidate) == 64);

#define VIT_INV_G_PASID 2
#define VIT_INV_G_ADDRESS 4
#define VIT_INV_C_IOTLB BIT(0)
#define VIT_INV_C_DEV_IOTLB BIT(1)
#define VIT_INV_C_PASID BIT(2)
#define VIT_INV_F_PASID BIT(0)
#define VIT_INV_F_ARCHID BIT(1)
#define VIT_INV_F_LEAF BIT(2)

struct vit_req_page_resp {
	struct virtio_iommu_req_head head;
	__le32 endpoint;
	__le32 flags;
	__le32 pasid;
	__le16 group;
	__le16 code;
	u8 reserved[8];
	struct virtio_iommu_req_tail tail;
};
static_assert(sizeof(struct vit_req_page_resp) == 32);

#define VIT_PAGE_RESP_F_PASID BIT(0)

/* A report; without page requests only the first 24 bytes, which are the specification's. */
struct vit_event {
	u8 reason;
	u8 reserved1[3];
	__le32 flags;
	__le32 endpoint;
	__le32 pasid;
	__le64 address;
	__le16 group;
	u8 reserved2[6];
	__le64 private_data[2];
};
static_assert(sizeof(struct vit_event) == 48);

#define VIT_EVENT_F_READ BIT(0)
#define VIT_EVENT_F_WRITE BIT(1)
#define VIT_EVENT_F_EXEC BIT(2)
#define VIT_EVENT_F_PRIVILEGED BIT(3)
#define VIT_EVENT_F_LAST BIT(4)
#define VIT_EVENT_F_PAGE_REQUEST BIT(5)
#define VIT_EVENT_F_ADDRESS BIT(8)
#define VIT_EVENT_F_PASID BIT(9)

#endif
