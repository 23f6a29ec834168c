/** Bit fields and register tables: layouts as data, next to their specification's section. */
package nestor.vmm.register;
