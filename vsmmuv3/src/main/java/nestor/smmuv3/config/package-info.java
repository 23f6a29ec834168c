/**
 * Stream table, context descriptor tables, and what they make of a stream (IHI 0070, chapter 5 and
 * §3.3). Any thread; everything decoded is immutable.
 */
package nestor.smmuv3.config;
