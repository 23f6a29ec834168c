package nestor.iommu.oracle;

import java.util.concurrent.atomic.LongAdder;

/** What the oracle has looked at, so that silence can be told from blindness. */
final class OracleCounters {
    final LongAdder dmas = new LongAdder();
    final LongAdder compared = new LongAdder();
    final LongAdder completions = new LongAdder();
    final LongAdder reports = new LongAdder();
}
