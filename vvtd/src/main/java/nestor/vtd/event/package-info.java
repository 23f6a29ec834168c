/** Fault records and page requests, as memory and registers hold them (§7.1.1, §7.5, §11.4.14). */
package nestor.vtd.event;
