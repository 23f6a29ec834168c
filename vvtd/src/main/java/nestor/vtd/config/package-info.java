/**
 * Root, context and PASID structures, and what they make of a requester (chapters 3 and 9). Any
 * thread; everything decoded is immutable.
 */
package nestor.vtd.config;
