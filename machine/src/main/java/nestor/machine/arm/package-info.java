/**
 * Arm peripherals of the board: PL011 UART (DDI 0183, issue G: chapters 3 and 4), PL031 real-time
 * clock (DDI 0224, issue C: chapter 3), and firmware calls (PSCI, DEN 0022, issue F; SMC Calling
 * Convention, DEN 0028, issue F).
 *
 * <p>Registers and calls come on vCPU threads; host input and alarms on any thread.
 */
package nestor.machine.arm;
