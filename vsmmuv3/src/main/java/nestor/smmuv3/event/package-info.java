/** Records of the Event queue and the PRI queue (IHI 0070, chapters 7 and 8). Any thread. */
package nestor.smmuv3.event;
