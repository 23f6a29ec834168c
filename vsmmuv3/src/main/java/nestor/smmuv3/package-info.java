/**
 * The Arm System Memory Management Unit, version 3 (IHI 0070, issue G.b), Non-secure programming
 * interface: the register pages (chapter 6) and what ties the parts together. Commands (chapter 4),
 * configuration structures (chapter 5) and queue records (chapters 7 and 8) have packages of their
 * own.
 *
 * <p>Registers are written on vCPU threads, queues are served on the SMMU's loop, and translations
 * run on any thread that does DMA.
 */
package nestor.smmuv3;
