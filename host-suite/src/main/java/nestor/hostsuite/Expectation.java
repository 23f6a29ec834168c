package nestor.hostsuite;

/**
 * What a check says of a number, in AssertJ's words. A class of a page and not that library: where
 * the suite runs, each class that is loaded is waited for.
 */
final class Expectation {
    private final long actual;
    private String description = "";

    private Expectation(long actual) {
        this.actual = actual;
    }

    static Expectation assertThat(long actual) {
        return new Expectation(actual);
    }

    static Expectation assertThat(boolean actual) {
        return new Expectation(actual ? 1 : 0);
    }

    Expectation describedAs(String what) {
        description = what + ": ";
        return this;
    }

    Expectation isEqualTo(long expected) {
        return require(actual == expected, Long.toString(expected));
    }

    Expectation isNotEqualTo(long other) {
        return require(actual != other, "another number than " + other);
    }

    Expectation isBetween(long first, long last) {
        return require(actual >= first && actual <= last, "one of " + first + " to " + last);
    }

    Expectation isGreaterThanOrEqualTo(long least) {
        return require(actual >= least, least + " or more");
    }

    Expectation isZero() {
        return isEqualTo(0);
    }

    Expectation isNotZero() {
        return isNotEqualTo(0);
    }

    Expectation isPositive() {
        return require(actual > 0, "a number above 0");
    }

    Expectation isNotNegative() {
        return require(actual >= 0, "a number not below 0");
    }

    void isTrue() {
        require(actual == 1, "true");
    }

    void isFalse() {
        require(actual == 0, "false");
    }

    private Expectation require(boolean holds, String expected) {
        if (!holds) {
            throw new AssertionError(
                    "%sexpected %s, got %d (0x%x)"
                            .formatted(description, expected, actual, actual));
        }
        return this;
    }
}
