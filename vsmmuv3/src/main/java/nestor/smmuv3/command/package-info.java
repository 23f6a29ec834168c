/** Commands of the Command queue (IHI 0070, chapter 4). The SMMU's loop only. */
package nestor.smmuv3.command;
