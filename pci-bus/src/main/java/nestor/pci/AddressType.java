package nestor.pci;

/** The AT field of a memory request (PCIe Base §10.2.2.1); the encoding 11b is reserved. */
public enum AddressType {
    /** 00b: the address is an IOVA, and the translation agent translates it. */
    UNTRANSLATED,
    /** 01b: the request asks for a translation and moves no data. */
    TRANSLATION_REQUEST,
    /** 10b: the address comes from a Translation Completion. */
    TRANSLATED
}
