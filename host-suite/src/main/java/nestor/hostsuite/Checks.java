package nestor.hostsuite;

/** Checks of one chapter: an instance for each check, on an iommufd of its own. */
abstract class Checks {
    final HostUnderTest host;

    Checks(HostUnderTest host) {
        this.host = host;
    }
}
