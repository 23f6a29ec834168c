/**
 * Translation tables: formats as data, and one walker over all of them. Nested translation is
 * composition: a walker whose {@link nestor.paging.TableMemory} is itself translated.
 *
 * <p>Formats follow the Arm Architecture Reference Manual (DDI 0487, issue J.a), chapter D8. Called
 * by the software CPUs on their vCPU threads, and by IOMMU models on any thread; everything here is
 * immutable.
 */
package nestor.paging;
