/** Where debuggers and test programs connect. */
package nestor.debug;
