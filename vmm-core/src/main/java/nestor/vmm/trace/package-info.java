/** What the trace points of all modules have in common. */
@org.jspecify.annotations.NullMarked
package nestor.vmm.trace;
