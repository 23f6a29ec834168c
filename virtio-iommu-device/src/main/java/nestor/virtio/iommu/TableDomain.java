package nestor.virtio.iommu;

import java.util.Set;
import java.util.TreeSet;
import nestor.iommu.host.Stage1Intent;
import nestor.virtio.iommu.table.TableDescriptor;
import nestor.virtio.iommu.table.TableKind;
import nestor.virtio.iommu.table.TableSpace;

/** A domain whose tables the driver keeps. Its requests are translated on any thread. */
final class TableDomain implements Domain {
    private final int id;
    private final int serial;
    private final TableSpace space;
    private final Set<Integer> endpoints = new TreeSet<>();

    TableDomain(int id, int serial, TableSpace space) {
        this.id = id;
        this.serial = serial;
        this.space = space;
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public int serial() {
        return serial;
    }

    TableSpace space() {
        return space;
    }

    TableDescriptor descriptor() {
        return space.descriptor();
    }

    /** Whether its tables say for every PASID of an endpoint how it is translated. */
    boolean hasAllPasids() {
        return descriptor().kind() == TableKind.ARM_SMMUV3;
    }

    /** Those attached. */
    Set<Integer> endpoints() {
        return endpoints;
    }

    @Override
    public void attach(int endpoint) {
        endpoints.add(endpoint);
    }

    @Override
    public boolean detach(int endpoint) {
        endpoints.remove(endpoint);
        if (!endpoints.isEmpty()) {
            return false;
        }
        space.dropTranslations();
        return true;
    }

    @Override
    public Stage1Intent intent() {
        return descriptor()
                .stage1()
                .<Stage1Intent>map(Stage1Intent.Nested::new)
                .orElse(Stage1Intent.BLOCKED);
    }
}
