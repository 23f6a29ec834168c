package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.Stage1;
import nestor.testkit.FakeHostIommu.Attachment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FakeHostIommuTest {
    private static final int RID = 0x18;
    private static final int PASID = 5;
    private static final Stage1 STAGE1 = new Stage1.VtdFirstStage(0x1000, 48, 0);

    private final FakeHostIommu host = new FakeHostIommu();
    private HostDevice device;

    @BeforeEach
    void assign() throws HostException {
        host.assign(RID);
        device = host.device(RID);
    }

    @Test
    void aNewDeviceIsBlocked() {
        assertThat(host.attachment(RID, PASID)).isEqualTo(new Attachment.Blocked());
    }

    @Test
    void anUnassignedDeviceIsNotThere() {
        assertThatThrownBy(() -> host.device(0x99)).isInstanceOf(HostException.class);
    }

    @Test
    void aReplacedDomainCanBeClosedAndAnAttachedOneCannot() throws HostException {
        NestedDomain first = device.nest(STAGE1);
        NestedDomain second = device.nest(new Stage1.VtdFirstStage(0x2000, 48, 0));
        device.attach(PASID, first);
        assertThatThrownBy(first::close).isInstanceOf(HostException.class);

        device.attach(PASID, second);
        first.close();

        assertThat(host.attachment(RID, PASID)).isEqualTo(new Attachment.Nested(second.stage1()));
        assertThat(host.openDomains()).isEqualTo(1);
        assertThat(host.calls().getLast()).isEqualTo(new HostCall.Close(RID, STAGE1));
    }

    @Test
    void aClosedDomainCannotBeAttached() throws HostException {
        NestedDomain domain = device.nest(STAGE1);
        domain.close();

        assertThatThrownBy(() -> device.attach(PASID, domain)).isInstanceOf(HostException.class);
    }

    @Test
    void aFailedCallChangesNothing() throws HostException {
        NestedDomain domain = device.nest(STAGE1);
        device.attach(PASID, domain);
        host.failAfter(1, 12);
        device.attach(PASID, domain);

        assertThatThrownBy(() -> device.block(PASID))
                .isInstanceOfSatisfying(
                        HostException.class, e -> assertThat(e.errno()).isEqualTo(12));
        assertThat(host.attachment(RID, PASID)).isEqualTo(new Attachment.Nested(STAGE1));
        device.block(PASID);
        assertThat(host.attachment(RID, PASID)).isEqualTo(new Attachment.Blocked());
    }

    @Test
    void aBypassThatNobodyIntendedIsCaught() throws HostException {
        device.attach(PASID, device.nest(STAGE1));

        assertThatThrownBy(() -> device.bypass(PASID)).isInstanceOf(AssertionError.class);
        host.intendBypass(RID, PASID);
        device.bypass(PASID);
        assertThat(host.attachment(RID, PASID)).isEqualTo(new Attachment.Bypassed());
        device.block(PASID);
        assertThatThrownBy(() -> device.bypass(PASID)).isInstanceOf(AssertionError.class);
    }

    @Test
    void aRefusedInvalidationStopsTheBatchThere() throws HostException {
        NestedDomain domain = device.nest(STAGE1);
        var one = new HostInvalidation.VtdRange(IovaRange.block(0x1000, 12), true);
        var all = new HostInvalidation.VtdRange(IovaRange.ALL, false);
        host.refuseInvalidationAfter(1);

        assertThat(domain.invalidate(List.of(one, all, one)).handled()).isEqualTo(1);
        assertThat(domain.invalidate(List.of(all, one)).handled()).isEqualTo(2);
        assertThat(host.calls())
                .endsWith(
                        new HostCall.Invalidate(List.of(one)),
                        new HostCall.Invalidate(List.of(all, one)));
    }
}
