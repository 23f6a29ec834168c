/** Machine time: the host's monotonic clock, or virtual time that tests advance. */
package nestor.vmm.time;
