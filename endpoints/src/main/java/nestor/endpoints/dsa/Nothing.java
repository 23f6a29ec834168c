package nestor.endpoints.dsa;

/** No-op, and a flush of caches that are not there: a record only. */
record Nothing() implements Operation {
    @Override
    public Progress piece(OperandMemory memory) {
        return Progress.DONE;
    }

    @Override
    public void report(CompletionRecord record) {}
}
