/** Invalidation queue descriptors (§6.5.2). */
package nestor.vtd.command;
