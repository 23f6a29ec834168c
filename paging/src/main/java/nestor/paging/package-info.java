/**
 * Translation tables: formats as data, and one walker over all of them. Nested translation is
 * composition: a walker whose {@link nestor.paging.TableMemory} is itself translated.
 *
 * <p>VMSAv8-64 follows the Arm Architecture Reference Manual (DDI 0487, issue J.a), chapter D8, and
 * SMMUv3 (IHI 0070, issue G.b), chapters 3 and 5; x86 paging the Intel SDM, volume 3A, chapter 4;
 * VT-d the specification of Virtualization Technology for Directed I/O (revision 4.1), chapters 3
 * and 9. Called by the software CPUs on their vCPU threads, and by IOMMU models on any thread;
 * everything here is immutable.
 */
package nestor.paging;
