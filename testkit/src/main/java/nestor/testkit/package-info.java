/**
 * Worlds without a CPU: RAM and page-table builders, manual loops and clocks, the oracles that
 * models are compared with. Test threads only.
 */
package nestor.testkit;
