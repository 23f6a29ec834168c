package nestor.hostsuite;

/** What a check is made on; closed after it. */
interface Fixture extends AutoCloseable {
    @Override
    void close();
}
