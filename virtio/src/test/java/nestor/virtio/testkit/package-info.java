/** The driver's side of virtio-pci, for tests: a machine without CPU, a driver, its rings. */
package nestor.virtio.testkit;
