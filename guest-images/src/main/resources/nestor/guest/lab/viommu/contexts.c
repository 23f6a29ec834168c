// SPDX-License-Identifier: GPL-2.0
/* Context descriptors and their tables: Arm IHI 0070, §3.3.2, §5.3, §5.4, and how they may be changed, §3.21.3. */
#include <linux/bitfield.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/memory.h>
#include <asm/sysreg.h>

#include "viommu.h"

#define CD_BYTES 64
#define CD_WORDS (CD_BYTES / sizeof(__le64))

#define CD0_T0SZ GENMASK_ULL(5, 0)
#define CD0_TG0 GENMASK_ULL(7, 6)
#define CD0_IR0 GENMASK_ULL(9, 8)
#define CD0_OR0 GENMASK_ULL(11, 10)
#define CD0_SH0 GENMASK_ULL(13, 12)
#define CD0_EPD0 BIT_ULL(14)
#define CD0_EPD1 BIT_ULL(30)
#define CD0_V BIT_ULL(31)
#define CD0_IPS GENMASK_ULL(34, 32)
#define CD0_AA64 BIT_ULL(41)
#define CD0_HD BIT_ULL(42)
#define CD0_HA BIT_ULL(43)
#define CD0_R BIT_ULL(45)
#define CD0_A BIT_ULL(46)
#define CD0_ASET BIT_ULL(47)
#define CD0_ASID GENMASK_ULL(63, 48)

#define L1_V BIT_ULL(0)

/* With leaves of 64 KiB. */
#define LEAF_PASID_BITS 10

#define WRITE_BACK_ALLOCATE 1
#define INNER_SHAREABLE 3

static __le64 *vit_alloc_leaf(size_t bytes)
{
	return alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO);
}

int vit_contexts_alloc(struct vit_contexts *contexts, unsigned int pasid_bits)
{
	bool linear = pasid_bits <= LEAF_PASID_BITS;

	contexts->pasid_bits = pasid_bits;
	contexts->leaf_count = linear ? 1 : 1 << (pasid_bits - LEAF_PASID_BITS);
	/* Each table is aligned to its size, as those of alloc_pages_exact() are. */
	contexts->leaf_bytes = CD_BYTES << (linear ? pasid_bits : LEAF_PASID_BITS);
	contexts->leaves = kvcalloc(contexts->leaf_count, sizeof(*contexts->leaves), GFP_KERNEL);
	if (!contexts->leaves)
		return -ENOMEM;
	/* Requests without PASID use the first. */
	contexts->leaves[0] = vit_alloc_leaf(contexts->leaf_bytes);
	if (!contexts->leaves[0])
		return -ENOMEM;
	if (linear)
		return 0;
	contexts->l1 = alloc_pages_exact(contexts->leaf_count * sizeof(*contexts->l1),
					 GFP_KERNEL | __GFP_ZERO);
	if (!contexts->l1)
		return -ENOMEM;
	contexts->l1[0] = cpu_to_le64(virt_to_phys(contexts->leaves[0]) | L1_V);
	return 0;
}

void vit_contexts_free(struct vit_contexts *contexts)
{
	unsigned int i;

	for (i = 0; contexts->leaves && i < contexts->leaf_count; i++) {
		if (contexts->leaves[i])
			free_pages_exact(contexts->leaves[i], contexts->leaf_bytes);
	}
	if (contexts->l1)
		free_pages_exact(contexts->l1, contexts->leaf_count * sizeof(*contexts->l1));
	kvfree(contexts->leaves);
}

u64 vit_contexts_pointer(const struct vit_contexts *contexts)
{
	return virt_to_phys(contexts->l1 ?: contexts->leaves[0]);
}

u8 vit_contexts_format(const struct vit_contexts *contexts)
{
	return contexts->l1 ? VIT_S1FMT_64K_L2 : VIT_S1FMT_LINEAR;
}

static void vit_forget_context(struct vit_endpoint *endpoint, u32 pasid, bool leaf)
{
	struct vit_req_invalidate request = {
		.granularity = cpu_to_le16(VIT_INV_G_PASID),
		.caches = cpu_to_le16(VIT_INV_C_PASID),
		.flags = cpu_to_le16(leaf ? VIT_INV_F_LEAF : 0),
	};

	vit_post_invalidate(endpoint, pasid, &request);
	vit_sync(endpoint->viommu);
}

static __le64 *vit_find_context(struct vit_contexts *contexts, u32 pasid)
{
	u32 leaf = contexts->l1 ? pasid >> LEAF_PASID_BITS : 0;
	u32 index = contexts->l1 ? pasid & (BIT(LEAF_PASID_BITS) - 1) : pasid;

	return contexts->leaves[leaf] ? contexts->leaves[leaf] + index * CD_WORDS : NULL;
}

static __le64 *vit_make_context(struct vit_endpoint *endpoint, u32 pasid)
{
	struct vit_contexts *contexts = &endpoint->contexts;
	u32 leaf = pasid >> LEAF_PASID_BITS;

	if (contexts->l1 && !contexts->leaves[leaf]) {
		contexts->leaves[leaf] = vit_alloc_leaf(contexts->leaf_bytes);
		if (!contexts->leaves[leaf])
			return NULL;
		dma_wmb();
		WRITE_ONCE(contexts->l1[leaf],
			   cpu_to_le64(virt_to_phys(contexts->leaves[leaf]) | L1_V));
		vit_forget_context(endpoint, pasid, false);
	}
	return vit_find_context(contexts, pasid);
}

/* Fails only if the PASID never had a context. Sleeps. */
int vit_write_context(struct vit_endpoint *endpoint, u32 pasid, const struct vit_cd *cd)
{
	__le64 *words = vit_make_context(endpoint, pasid);
	int i;

	if (!words)
		return -ENOMEM;
	if (words[0]) {
		WRITE_ONCE(words[0], 0);
		vit_forget_context(endpoint, pasid, true);
	}
	for (i = 1; i < ARRAY_SIZE(cd->words); i++)
		WRITE_ONCE(words[i], cpu_to_le64(cd->words[i]));
	vit_forget_context(endpoint, pasid, true);
	dma_wmb();
	WRITE_ONCE(words[0], cpu_to_le64(cd->words[0]));
	vit_forget_context(endpoint, pasid, true);
	return 0;
}

void vit_clear_context(struct vit_endpoint *endpoint, u32 pasid)
{
	__le64 *words = vit_find_context(&endpoint->contexts, pasid);

	if (!words || !words[0])
		return;
	WRITE_ONCE(words[0], 0);
	vit_forget_context(endpoint, pasid, true);
}

/* Nothing is translated any more, and nothing reported: one word changes, so there is no moment between. Any context. */
void vit_quieten_context(struct vit_endpoint *endpoint, u32 pasid)
{
	__le64 *words = vit_find_context(&endpoint->contexts, pasid);
	__le64 old = words ? READ_ONCE(words[0]) : 0;

	/* Whoever clears it meanwhile wins. */
	if (!old || cmpxchg(&words[0], old, cpu_to_le64((le64_to_cpu(old) | CD0_EPD0) & ~CD0_R)) != old)
		return;
	vit_forget_context(endpoint, pasid, true);
}

static u64 vit_common(u16 asid)
{
	return CD0_EPD1 | CD0_V | CD0_AA64 | CD0_R | CD0_A | CD0_ASET | FIELD_PREP(CD0_ASID, asid);
}

void vit_pages_context(struct vit_cd *cd, const struct io_pgtable_cfg *cfg, u16 asid)
{
	typeof(&cfg->arm_lpae_s1_cfg.tcr) tcr = &cfg->arm_lpae_s1_cfg.tcr;

	*cd = (struct vit_cd) { .words = {
		[0] = vit_common(asid) | FIELD_PREP(CD0_T0SZ, tcr->tsz) | FIELD_PREP(CD0_TG0, tcr->tg) |
		      FIELD_PREP(CD0_IR0, tcr->irgn) | FIELD_PREP(CD0_OR0, tcr->orgn) |
		      FIELD_PREP(CD0_SH0, tcr->sh) | FIELD_PREP(CD0_IPS, tcr->ips),
		[1] = cfg->arm_lpae_s1_cfg.ttbr,
		[3] = cfg->arm_lpae_s1_cfg.mair,
	} };
}

/* The access flag and the dirty state are the device's to set only where CPUs of this machine set them too. */
static u64 vit_hardware_updates(const struct vit_endpoint *endpoint)
{
	u64 updates = cpuid_feature_extract_unsigned_field(read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1),
							   ID_AA64MMFR1_EL1_HAFDBS_SHIFT);
	u64 flags = 0;

	if (updates >= ID_AA64MMFR1_EL1_HAFDBS_AF && endpoint->format_flags & VIT_FORMAT_F_HW_ACCESS)
		flags |= CD0_HA;
	if (flags && updates >= ID_AA64MMFR1_EL1_HAFDBS_DBM && endpoint->format_flags & VIT_FORMAT_F_HW_DIRTY)
		flags |= CD0_HD;
	return flags;
}

static unsigned int vit_output_size(const struct vit_endpoint *endpoint)
{
	unsigned int cpus = cpuid_feature_extract_unsigned_field(read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1),
								 ID_AA64MMFR0_EL1_PARANGE_SHIFT);
	unsigned int endpoints = endpoint->output_bits >= 48 ? ID_AA64MMFR0_EL1_PARANGE_48 :
				 endpoint->output_bits >= 44 ? ID_AA64MMFR0_EL1_PARANGE_44 :
				 endpoint->output_bits >= 42 ? ID_AA64MMFR0_EL1_PARANGE_42 :
				 endpoint->output_bits >= 40 ? ID_AA64MMFR0_EL1_PARANGE_40 :
				 endpoint->output_bits >= 36 ? ID_AA64MMFR0_EL1_PARANGE_36 :
							       ID_AA64MMFR0_EL1_PARANGE_32;

	return min(cpus, endpoints);
}

void vit_mm_context(struct vit_cd *cd, struct mm_struct *mm, const struct vit_endpoint *endpoint, u16 asid)
{
	static_assert(PAGE_SIZE == SZ_4K, "TG0 is 0");

	*cd = (struct vit_cd) { .words = {
		[0] = vit_common(asid) | vit_hardware_updates(endpoint) |
		      FIELD_PREP(CD0_T0SZ, 64 - vabits_actual) |
		      FIELD_PREP(CD0_IR0, WRITE_BACK_ALLOCATE) | FIELD_PREP(CD0_OR0, WRITE_BACK_ALLOCATE) |
		      FIELD_PREP(CD0_SH0, INNER_SHAREABLE) | FIELD_PREP(CD0_IPS, vit_output_size(endpoint)),
		[1] = virt_to_phys(mm->pgd),
		[3] = read_sysreg(mair_el1),
	} };
}
