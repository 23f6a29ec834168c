package nestor.iommu.host;

/** What a guest means one PASID of an assigned device to be attached to. */
public sealed interface Stage1Intent {
    /** All requests abort. */
    record Blocked() implements Stage1Intent {}

    /** Untranslated: the guest's physical addresses. */
    record Bypass() implements Stage1Intent {}

    /** The guest's own tables on the nest parent. */
    record Nested(Stage1 stage1) implements Stage1Intent {}

    /** The one value of {@link Blocked}. */
    Stage1Intent BLOCKED = new Blocked();

    /** The one value of {@link Bypass}. */
    Stage1Intent BYPASS = new Bypass();
}
