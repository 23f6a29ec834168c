/* ATTACH_TABLE: what is taken, and each status with which tables are refused. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(TABLES);
}

enum { KINDS = 3, IOVA = 0x40000, OUTPUT_BITS = 48, PASID_BITS = 20 };

static struct tables lpae_sample(void)
{
        struct table table = table_new(1, 12, 39);
        return tables_of_lpae(&table, 5);
}

static struct tables contexts_sample(void)
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        return tables_of_contexts(&contexts, DSS_SSID0);
}

static struct tables first_stage_sample(void)
{
        struct x86 table = x86_new(4);
        return tables_of_x86(&table, 0);
}

/* One of each kind that there is. */
static u32 make_kinds(struct tables kinds[KINDS])
{
        u32 count = 0;
        if (!lacking(LPAE))
                kinds[count++] = lpae_sample();
        if (!lacking(CONTEXTS))
                kinds[count++] = contexts_sample();
        if (!lacking(FIRST_STAGE))
                kinds[count++] = first_stage_sample();
        return count;
}

static u32 try(const struct tables *tables)
{
        return answer(attach_table(DOMAIN, endpoint(&devs[0]), tables));
}

#define expect_table(tables, status) expect_eq(try(tables), status)

CHECK(table_each, "tables: every kind that PROBE tells can be attached and detached")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                expect_table(&kinds[i], OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), INVAL);
        }
}

CHECK(table_other_formats, "tables: a format that PROBE does not tell is UNSUPP")
{
        struct tables kinds[KINDS];
        u32 count = make_kinds(kinds);
        struct tables tables = { 0 };
        for (tables.format = 0; tables.format < 0x70; tables.format++) {
                bool there = false;
                for (u32 i = 0; i < count; i++)
                        there |= kinds[i].format == tables.format;
                if (!there)
                        expect_table(&tables, UNSUPP);
        }
}

CHECK(table_wide_format, "tables: all bits of the format count")
{
        struct tables kinds[KINDS];
        make_kinds(kinds);
        struct request request = attach_table(DOMAIN, endpoint(&devs[0]), &kinds[0]);
        if (viommu.profile == PROFILE_HW)
                put8(&request, 12, 0x81);
        else if (viommu.profile == PROFILE_RFC2023)
                put8(&request, 17, 1);
        else
                put8(&request, 13, 1);
        expect_answer(request, UNSUPP);
}

/* Bytes of a request that must be zero, [from, to). */
struct hole {
        u8 from, to;
};
static const struct hole *holes(u32 format)
{
        static const struct hole v1[][3] = {
                [FORMAT_LPAE] = { { 40, 76 } },
                [FORMAT_CONTEXTS] = { { 28, 76 } },
                [FORMAT_FIRST_STAGE] = { { 14, 16 }, { 40, 76 } },
        };
        static const struct hole p23[3] = { { 12, 16 }, { 18, 20 }, { 44, 84 } };
        static const struct hole hw[3] = { { 13, 16 }, { 32, 124 } };
        return viommu.profile == PROFILE_HW ? hw : viommu.profile == PROFILE_RFC2023 ? p23 : v1[format];
}

CHECK(table_reserved, "tables: each reserved byte that is set is INVAL")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                const struct hole *hole = holes(kinds[i].format);
                for (u32 h = 0; h < 3; h++) {
                        for (u32 at = hole[h].from; at < hole[h].to; at++) {
                                struct request request = attach_table(DOMAIN, endpoint(&devs[0]), &kinds[i]);
                                put8(&request, at, 0x40);
                                expect_answer(request, INVAL);
                        }
                }
        }
        expect_answer(detach(DOMAIN, endpoint(&devs[0])), INVAL);
}

CHECK(table_absent, "tables: of an endpoint that is not there NOENT")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                expect_answer(attach_table(DOMAIN, ABSENT_ENDPOINT, &kinds[i]), NOENT);
                expect_answer(attach_table(DOMAIN, viommu.dev.function.rid, &kinds[i]), NOENT);
                expect_answer(attach_table(DOMAIN, 0xffffffff, &kinds[i]), NOENT);
        }
}

CHECK(table_mapped_domain, "tables: a domain of mappings, or one that bypasses, takes none: INVAL")
{
        NEEDS(MAPPINGS);
        struct tables kinds[KINDS];
        u32 count = make_kinds(kinds);
        expect_answer(attach(DOMAIN, endpoint(&devs[1]), 0), OK);
        for (u32 i = 0; i < count; i++)
                expect_table(&kinds[i], INVAL);
        if (lacking(BYPASSES))
                return;
        expect_answer(attach(DOMAIN + 1, endpoint(&devs[1]), ATTACH_BYPASS), OK);
        for (u32 i = 0; i < count; i++)
                expect_answer(attach_table(DOMAIN + 1, endpoint(&devs[0]), &kinds[i]), INVAL);
}

CHECK(table_domain_mapped, "tables: a domain with tables takes no MAP, no UNMAP and no ATTACH: INVAL")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                expect_table(&kinds[i], OK);
                u32 refusal = lacking(MAPPINGS) ? NO_STATUS : INVAL;
                expect_answer(map(DOMAIN, IOVA, IOVA + PAGE - 1, take_page(), MAP_RW), refusal);
                expect_answer(unmap(DOMAIN, IOVA, IOVA + PAGE - 1), refusal);
                expect_answer(attach(DOMAIN, endpoint(&devs[1]), 0), INVAL);
                if (!lacking(BYPASSES))
                        expect_answer(attach(DOMAIN, endpoint(&devs[1]), ATTACH_BYPASS), INVAL);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(table_join, "tables: another endpoint joins a domain with an equal descriptor")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                expect_table(&kinds[i], OK);
                expect_answer(attach_table(DOMAIN, endpoint(&devs[1]), &kinds[i]), OK);
                expect_table(&kinds[i], OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[1])), OK);
        }
}

/* Each field by itself. */
static void expect_unequal(const struct tables *changed)
{
        expect_answer(attach_table(DOMAIN, endpoint(&devs[1]), changed), INVAL);
        expect_answer(detach(DOMAIN, endpoint(&devs[1])), INVAL);
}

CHECK(table_unequal, "tables: with a descriptor that differs anywhere it does not: INVAL")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                expect_table(&kinds[i], OK);
                struct tables changed = kinds[i];
                changed.base = take_page();
                expect_unequal(&changed);
                changed = kinds[i];
                switch (kinds[i].format) {
                case FORMAT_LPAE:
                        changed.asid ^= 1;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.mair ^= 4;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.tcr ^= BIT(37);
                        break;
                case FORMAT_CONTEXTS:
                        changed.s1cdmax--;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.s1fmt = LEAVES_4K;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.s1dss = DSS_TERMINATE;
                        break;
                default:
                        changed.flags ^= FLAG_WPE;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.width = 57;
                        expect_unequal(&changed);
                        changed = kinds[i];
                        changed.pasid = 4;
                }
                expect_unequal(&changed);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(table_other_kind, "tables: a domain with tables of one kind takes none of another: INVAL")
{
        NEEDS(LPAE | CONTEXTS);
        struct tables lpae = lpae_sample(), contexts = contexts_sample();
        expect_table(&lpae, OK);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[1]), &contexts), INVAL);
        expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        expect_table(&contexts, OK);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[1]), &lpae), INVAL);
}

CHECK(table_nowhere, "tables: a base outside memory is FAULT")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                static const u64 bases[] = { 0, BIT(46), BIT(47) };
                for (u32 b = 0; b < COUNT(bases); b++) {
                        kinds[i].base = bases[b];
                        expect_table(&kinds[i], FAULT);
                }
                kinds[i].base = board.ram + board.ram_bytes;
                expect_table(&kinds[i], FAULT);
                kinds[i].base = board.ram - PAGE;
                expect_table(&kinds[i], FAULT);
        }
}

CHECK(table_misaligned, "tables: a base that is not aligned is FAULT: to 64 bytes for Context descriptors, else 4 KiB")
{
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                u64 base = take_page(), align = kinds[i].format == FORMAT_CONTEXTS ? 64 : PAGE;
                if (viommu.profile == PROFILE_HW)
                        continue;       /* the entry has no room for these bits */
                for (u64 off = 1; off < align; off *= 2) {
                        kinds[i].base = base + off;
                        expect_table(&kinds[i], FAULT);
                }
                kinds[i].base = base + align;
                expect_table(&kinds[i], OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(table_output_size, "tables: a base beyond OUTPUT_SIZE is RANGE")
{
        if (!lacking(LPAE)) {
                struct tables tables = lpae_sample();
                tables.base = BIT(OUTPUT_BITS);
                expect_table(&tables, RANGE);
        }
        if (!lacking(FIRST_STAGE)) {
                struct tables tables = first_stage_sample();
                tables.base = BIT(OUTPUT_BITS);
                expect_table(&tables, RANGE);
                tables.base = BIT(63);
                expect_table(&tables, RANGE);
        }
}

CHECK(table_s1cdmax, "tables: an S1CDMax beyond PASID_SIZE is RANGE")
{
        NEEDS(CONTEXTS);
        struct contexts contexts = contexts_new(LEAVES_64K, PASID_BITS);
        struct tables tables = tables_of_contexts(&contexts, DSS_SSID0);
        expect_table(&tables, OK);
        expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        for (tables.s1cdmax = PASID_BITS + 1; tables.s1cdmax < 32; tables.s1cdmax++)
                expect_table(&tables, RANGE);
        if (viommu.profile == PROFILE_HW)
                return;
        tables.s1cdmax = 0x80000000;
        expect_table(&tables, RANGE);
        tables.s1cdmax = 0xffffffff;
        expect_table(&tables, RANGE);
}

CHECK(table_s1fmt, "tables: S1Fmt 3 and S1DSS 3 have no meaning: INVAL")
{
        NEEDS(CONTEXTS);
        struct tables tables = contexts_sample();
        tables.s1fmt = 3;
        expect_table(&tables, INVAL);
        tables = contexts_sample();
        tables.s1dss = 3;
        expect_table(&tables, INVAL);
        if (viommu.profile == PROFILE_HW)
                return;
        tables.s1dss = 0x82;
        expect_table(&tables, INVAL);
        tables = contexts_sample();
        tables.s1fmt = 0x80;
        expect_table(&tables, INVAL);
}

CHECK(table_entry_kind, "tables: of stream table entries only valid ones whose stage 1 translates are taken: else INVAL")
{
        if (viommu.profile != PROFILE_HW)
                return skip("no stream table entries");
        struct tables tables = contexts_sample();
        for (u32 config = 0; config < 8; config++) {
                struct request request = attach_table(DOMAIN, endpoint(&devs[0]), &tables);
                put64(&request, 16, (request.quads[2] & ~FIELD(7, 3, 1)) | FIELD(config, 3, 1));
                expect_answer(request, config == 5 ? OK : INVAL);
                put64(&request, 16, request.quads[2] & ~1ull);
                expect_answer(request, INVAL);
        }
}

CHECK(table_tcr, "tables: a TCR of an unknown granule or size, with unknown bits, or with EPD1 clear is INVAL")
{
        NEEDS(LPAE);
        struct tables good = lpae_sample(), tables = good;
        tables.tcr |= FIELD(3, 15, 14);
        expect_table(&tables, INVAL);
        tables.tcr = good.tcr & ~BIT(23);
        expect_table(&tables, INVAL);
        tables.tcr = good.tcr | BIT(6);
        expect_table(&tables, INVAL);
        tables.tcr = good.tcr | BIT(63);
        expect_table(&tables, INVAL);
        static const u8 sizes[] = { 0, 1, 11, 40, 63 };
        for (u32 i = 0; i < COUNT(sizes); i++) {
                tables.tcr = (good.tcr & ~FIELD(63, 5, 0)) | sizes[i];
                expect_table(&tables, INVAL);
        }
        expect_table(&good, OK);
}

CHECK(table_width, "tables: a width that is neither 48 nor 57 is RANGE")
{
        NEEDS(FIRST_STAGE);
        struct tables tables = first_stage_sample();
        static const u32 widths[] = { 0, 39, 47, 49, 56, 58, 64, 0x80000030 };
        for (u32 i = 0; i < COUNT(widths); i++) {
                tables.width = widths[i];
                expect_table(&tables, RANGE);
        }
        tables.width = 57;
        expect_table(&tables, OK);
}

CHECK(table_pasid, "tables: a PASID beyond PASID_SIZE is RANGE")
{
        NEEDS(FIRST_STAGE);
        struct tables tables = first_stage_sample();
        for (u32 bit = PASID_BITS; bit < 32; bit++) {
                tables.pasid = 1u << bit;
                expect_table(&tables, RANGE);
        }
        tables.pasid = BIT(PASID_BITS) - 1;
        expect_table(&tables, OK);
}

CHECK(table_flags, "tables: EAFE and unknown flags of a first stage are INVAL")
{
        NEEDS(FIRST_STAGE);
        struct tables tables = first_stage_sample();
        for (u32 bit = 0; bit < 64; bit++) {
                tables.flags = BIT(bit);
                bool known = tables.flags & (FLAG_SRE | FLAG_WPE);
                expect_table(&tables, known ? OK : INVAL);
                if (known)
                        expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(table_exclusive, "tables: Context descriptors are for all PASIDs, and exclude tables for one: INVAL")
{
        NEEDS(CONTEXTS | FIRST_STAGE);
        struct tables contexts = contexts_sample(), one = first_stage_sample();
        one.pasid = 5;
        expect_table(&contexts, OK);
        expect_answer(attach_table(DOMAIN + 1, endpoint(&devs[0]), &one), INVAL);
        expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        expect_answer(attach_table(DOMAIN + 1, endpoint(&devs[0]), &one), OK);
        expect_table(&contexts, INVAL);
        expect_answer(detach(DOMAIN + 1, endpoint(&devs[0])), OK);
        expect_table(&contexts, OK);
}

CHECK(table_not_negotiated, "tables: without the feature there are no such requests")
{
        viommu_restart(&(struct start){ .without = tables_feature() });
        struct tables kinds[KINDS];
        make_kinds(kinds);
        expect_table(&kinds[0], NO_STATUS);
        struct invalidation all = { .domain = DOMAIN, .scope = SCOPE_DOMAIN, .caches = IOTLB };
        expect_answer(invalidate(&all), NO_STATUS);
        expect_answer(page_response(endpoint(&devs[0]), 5, 1, RESPONSE_SUCCESS), NO_STATUS);
}

CHECK(table_failed, "tables: a failed attach leaves the endpoint where it was")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], NO_PASID);
        u64 page = take_page();
        space_map(&space, IOVA, page);
        struct tables kinds[KINDS];
        for (u32 i = 0, count = make_kinds(kinds); i < count; i++) {
                kinds[i].base = BIT(46);
                expect_answer(attach_table(99, endpoint(&devs[0]), &kinds[i]), FAULT);
        }
        expect_lands(&devs[0], IOVA, page);
        expect_answer(detach(99, endpoint(&devs[0])), INVAL);
        expect_answer(detach(space.domain, endpoint(&devs[0])), OK);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(table_replace, "tables: attaching to other tables leaves the former, and their translations")
{
        spaces_begin(&devs[0]);
        struct space first = space_of(&devs[0], NO_PASID);
        u64 page = take_page(), other = take_page();
        space_map(&first, IOVA, page);
        expect_lands(&devs[0], IOVA, page);
        struct tables tables;
        u64 *entry;
        if (first.arm) {
                struct contexts contexts = contexts_new(LINEAR, 0);
                struct table table = table_new(1, 12, 39);
                struct cd cd = cd_of(&table, first.asid);
                cd_store(context_at(&contexts, 0), &cd);
                tables = tables_of_contexts(&contexts, DSS_SSID0);
                entry = table_entry(&table, IOVA, 3);
        } else {
                struct x86 x86 = x86_new(4);
                tables = tables_of_x86(&x86, 0);
                entry = x86_entry(&x86, IOVA, 1);
        }
        *entry = space_leaf(&first, other, true);
        expect_answer(attach_table(50, endpoint(&devs[0]), &tables), OK);
        expect_lands(&devs[0], IOVA, other);
        expect_answer(detach(first.domain, endpoint(&devs[0])), INVAL);
        expect_answer(detach(50, endpoint(&devs[0])), OK);
}

CHECK(table_again, "tables: a domain ends with its last endpoint, and its number can have other tables")
{
        struct tables kinds[KINDS];
        u32 count = make_kinds(kinds);
        for (u32 round = 0; round < 50; round++) {
                struct tables *tables = &kinds[round % count];
                expect_table(tables, OK);
                expect_answer(attach_table(DOMAIN, endpoint(&devs[1]), tables), OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[1])), OK);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}
