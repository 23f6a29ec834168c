/**
 * A GICv3 interrupt controller with one ITS (Arm GIC Architecture Specification, IHI 0069, issue H:
 * chapters 2-6 and 12), as a system with a single security state sees it ({@code GICD_CTLR.DS} is
 * 1): 5 priority bits, 16-bit INTIDs, no 1-of-N delivery, no direct LPIs.
 *
 * <p>Register frames and the CPU interface are called on vCPU threads, wires and messages on any
 * thread. One leaf lock guards all state; interrupt wires to the vCPUs are driven after it is
 * released.
 */
package nestor.machine.gic;
