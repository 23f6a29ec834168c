package nestor.smmuv3.config;

import java.util.BitSet;
import java.util.concurrent.atomic.AtomicReferenceArray;
import nestor.pci.Requester;
import org.jspecify.annotations.Nullable;

/**
 * Decoded configurations by stream and substream (IHI 0070, §4.3): filled on first use, dropped by
 * CMD_CFGI_*. Only usable ones are kept. A look-up takes no lock and allocates nothing.
 */
public final class ConfigCache {
    /** Substreams of one stream that are remembered at a time. */
    private static final int SUBSTREAM_SLOTS = 64;

    private record Slot(int ssid, StreamConfig config) {}

    private static final class Stream {
        volatile @Nullable StreamConfig withoutSsid;
        final AtomicReferenceArray<@Nullable Slot> substreams =
                new AtomicReferenceArray<>(SUBSTREAM_SLOTS);
    }

    private final AtomicReferenceArray<@Nullable Stream> streams;
    private final Object lock = new Object();

    /** Streams that have something cached; under the lock. */
    private final BitSet filled = new BitSet();

    private volatile long epoch;

    /** A cache for stream IDs of so many bits. */
    public ConfigCache(int sidBits) {
        streams = new AtomicReferenceArray<>(1 << sidBits);
    }

    /** The configuration of a substream, or of the stream itself; null if it is not cached. */
    public @Nullable StreamConfig lookup(int sid, int ssid) {
        Stream stream = sid < streams.length() ? streams.getAcquire(sid) : null;
        if (stream == null) {
            return null;
        }
        if (ssid == Requester.NO_PASID) {
            return stream.withoutSsid;
        }
        Slot slot = stream.substreams.getAcquire(ssid & SUBSTREAM_SLOTS - 1);
        return slot != null && slot.ssid() == ssid ? slot.config() : null;
    }

    /** What to give {@link #insert}; sampled before the structures are read. */
    public long epoch() {
        return epoch;
    }

    /** Keeps {@code config}, unless something was invalidated since {@code sampled}. */
    public void insert(int sid, int ssid, long sampled, StreamConfig config) {
        synchronized (lock) {
            if (epoch != sampled || sid >= streams.length()) {
                return;
            }
            Stream stream = streams.get(sid);
            if (stream == null) {
                stream = new Stream();
                streams.setRelease(sid, stream);
                filled.set(sid);
            }
            if (ssid == Requester.NO_PASID) {
                stream.withoutSsid = config;
            } else {
                stream.substreams.setRelease(ssid & SUBSTREAM_SLOTS - 1, new Slot(ssid, config));
            }
        }
    }

    /** CMD_CFGI_STE, CMD_CFGI_CD_ALL, and CMD_CFGI_CD, which may drop more than it says. */
    public void drop(int sid) {
        synchronized (lock) {
            epoch++;
            if (sid >= 0 && sid < streams.length()) {
                streams.setRelease(sid, null);
                filled.clear(sid);
            }
        }
    }

    /** CMD_CFGI_STE_RANGE: {@code 2^(range+1)} streams from {@code sid}, aligned down. */
    public void dropRange(int sid, int range) {
        synchronized (lock) {
            epoch++;
            long count = 1L << range + 1;
            long first = Integer.toUnsignedLong(sid) & -count;
            long end = Math.min(first + count, streams.length());
            int start = (int) Math.min(first, streams.length());
            for (int i = filled.nextSetBit(start);
                    i >= 0 && i < end;
                    i = filled.nextSetBit(i + 1)) {
                streams.setRelease(i, null);
                filled.clear(i);
            }
        }
    }
}
