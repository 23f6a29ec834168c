/** Single-owner task loops of devices: run where the work is (see docs/adr/0002). */
package nestor.vmm.loop;
