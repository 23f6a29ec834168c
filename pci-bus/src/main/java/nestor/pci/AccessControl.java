package nestor.pci;

/**
 * What the Access Control Services of the port above do to a function's requests (PCIe Base
 * §6.12.1.1).
 *
 * @param translationBlocking TB: requests whose AT is not Untranslated are blocked
 * @param directTranslated DT: translated requests go to peers without redirection
 */
record AccessControl(boolean translationBlocking, boolean directTranslated) {
    static final AccessControl NONE = new AccessControl(false, false);
}
