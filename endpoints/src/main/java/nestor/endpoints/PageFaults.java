package nestor.endpoints;

/** How a function with PASIDs comes by a page that is not there. */
public enum PageFaults {
    /** It asks for it: ATS and PRI (PCIe Base chapter 10). */
    PRI,
    /** Its SMMU stalls the access until software has seen the fault (IHI 0070, §3.12.2). */
    STALL
}
