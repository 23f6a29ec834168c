/**
 * What there is to see in a machine, as JSON, one object for each topic; HMP makes its text of the
 * same. On the control thread.
 */
package nestor.control.view;
