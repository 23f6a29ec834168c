/** Rules across modules, and guests that boot: what no single module can test. */
package nestor.tests;
