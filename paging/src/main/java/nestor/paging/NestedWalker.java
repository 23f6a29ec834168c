package nestor.paging;

/**
 * Both stages together: stage-1 tables are read through stage 2, and stage 1's output passes it
 * (DDI 0487, §D8.2; VT-d, §3.8). Made once per second stage; any thread.
 */
public final class NestedWalker {
    private final Walker stage1Walker;
    private final Walker stage2Walker;
    private final TableFormat stage2;

    /**
     * A walker under one second stage.
     *
     * @param physical guest RAM
     * @param stage2 the second stage
     */
    public NestedWalker(TableMemory physical, TableFormat stage2) {
        this(physical, stage2, new TranslatedTables(physical, stage2));
    }

    /** Stage-1 tables read where {@code tables} finds them. */
    NestedWalker(TableMemory physical, TableFormat stage2, TableMemory tables) {
        if (stage2.stage() != 2) {
            throw new IllegalArgumentException("not a second stage: " + stage2);
        }
        this.stage1Walker = new Walker(tables);
        this.stage2Walker = new Walker(physical);
        this.stage2 = stage2;
    }

    /**
     * Finds where both stages together map {@code input}.
     *
     * <p>Stage 1 completes, its dirty update included, before stage 2 judges the output: if that
     * then refuses the write, the stage-1 leaf is dirty all the same, which both architectures
     * allow.
     *
     * @return a mapping of the smaller of both sizes with the permissions that both grant, level,
     *     global and leaf being stage 1's; or the fault of either stage
     */
    public WalkResult walk(TableFormat stage1, long input, Access access) {
        return switch (stage1Walker.walk(stage1, input, access)) {
            case WalkResult.Fault fault -> fault;
            case WalkResult.Mapping mapping -> secondStage(mapping, input, access);
        };
    }

    /**
     * Stage 1 alone, its tables still read through stage 2: the mapping's output is an IPA. For
     * split-stage ATS.
     */
    public WalkResult walkStage1(TableFormat stage1, long input, Access access) {
        return stage1Walker.walk(stage1, input, access);
    }

    /** Stage 2 alone: the input is an IPA. */
    public WalkResult walkStage2(long ipa, Access access) {
        return stage2Walker.walk(stage2, ipa, access);
    }

    private WalkResult secondStage(WalkResult.Mapping outer, long input, Access access) {
        long ipa = outer.translate(input);
        Access limited = limit(access, outer.permissions());
        return switch (stage2Walker.walk(stage2, ipa, limited)) {
            case WalkResult.Fault fault -> fault.about(WalkResult.Subject.ACCESS, input);
            case WalkResult.Mapping inner -> combine(outer, inner, ipa);
        };
    }

    /** A write that stage 1 does not grant must not mark stage 2's leaf dirty. */
    private static Access limit(Access access, int granted) {
        int wanted = access.needed() | access.wanted() & granted;
        return wanted == access.wanted()
                ? access
                : new Access(access.needed(), wanted, access.updates());
    }

    private static WalkResult.Mapping combine(
            WalkResult.Mapping outer, WalkResult.Mapping inner, long ipa) {
        int sizeLog2 = Math.min(outer.sizeLog2(), inner.sizeLog2());
        int contiguousLog2 = Math.min(outer.contiguousLog2(), inner.contiguousLog2());
        return new WalkResult.Mapping(
                inner.translate(ipa) & -1L << sizeLog2,
                sizeLog2,
                Math.max(sizeLog2, contiguousLog2),
                outer.level(),
                outer.permissions() & inner.permissions(),
                outer.global(),
                outer.leaf());
    }
}
