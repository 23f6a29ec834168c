/**
 * JMH benchmarks of the DMA path: {@code scripts/jmh -prof gc}. Results are written by hand to
 * bench/RESULTS.md; no test asserts any of them.
 */
@NullMarked
package nestor.bench;

import org.jspecify.annotations.NullMarked;
