// Root complex, ports and functions: what translates for whom, and what software has enabled.
import { html } from './html.js';
import { bdf, className, count } from './format.js';

const Badge = ({ name, on, title }) => html`
  <span class=${'badge' + (on ? ' on' : '')} title=${title}
      aria-label=${`${name} ${on ? 'enabled' : 'disabled'}`}>${name}</span>`;

const Device = ({ device, all }) => {
  const pci = all.pci.find(f => f.id === device.id);
  const cache = all.atc.find(atc => atc.id === device.id);
  const iommu = all.iommu.find(one => one.translates.includes(device.id));
  const hits = cache && cache.hits + cache.misses > 0
    ? `${count(cache.hits)} hits, ${count(cache.misses)} misses` : 'empty';
  return html`
    <li class=${'function' + (device.child ? ' port' : '')}>
      <div class="title">
        <b>${device.id}</b>
        <code>${pci ? bdf(pci.bus, pci.slot, pci.function) : ''}</code>
      </div>
      <div class="quiet">${device.driver}${pci ? `, ${className(pci.class)}` : ''}</div>
      ${pci && html`<div class="badges">
        <${Badge} name="DMA" on=${pci['bus-master']} title="Bus Master Enable" />
        ${pci.capabilities.map(one => html`<${Badge} name=${one.name} on=${one.enabled}
            title=${`${one.enabled ? 'enabled' : 'offered, not enabled'}${one.detail && ': ' + one.detail}`} />`)}
      </div>`}
      <div class=${'quiet cover' + (iommu ? (iommu.enabled ? ' covered' : ' idle') : '')}>
        ${iommu ? `behind ${iommu.id}${iommu.enabled ? '' : ', which is off'}` : 'no IOMMU'}
      </div>
      ${cache && html`<div class="quiet">ATC: ${hits}</div>`}
      ${device.child && html`<${Bus} bus=${device.child} all=${all} />`}
    </li>`;
};

const Bus = ({ bus, all }) => html`
  <section class="bus">
    <h3>${bus.bus}</h3>
    ${bus.devices.length === 0
      ? html`<p class="quiet">nothing is plugged here</p>`
      : html`<ul class="functions">${bus.devices.map(device =>
          html`<${Device} key=${device.id} device=${device} all=${all} />`)}</ul>`}
  </section>`;

const Iommu = ({ iommu }) => html`
  <li class=${'iommu' + (iommu.enabled ? ' on' : '')}>
    <div class="title"><b>${iommu.id}</b><code>${iommu.driver}</code></div>
    <div>${iommu.enabled ? 'translates' : 'off: requests pass or abort as it was reset to'}
      <span class="quiet"> · ${iommu.translates.length} functions</span></div>
    ${Object.entries(iommu.counters).length > 0 && html`<dl class="counters">
      ${Object.entries(iommu.counters).map(([name, value]) =>
        html`<div><dt>${name}</dt><dd>${count(value)}</dd></div>`)}
    </dl>`}
  </li>`;

export const topics = ['qtree', 'pci', 'iommu', 'atc'];

export const Topology = ({ data }) => html`
  <h2>Topology</h2>
  ${data.iommu.length === 0
    ? html`<p>This machine has no IOMMU: what a device addresses is guest-physical memory.</p>`
    : html`<ul class="iommus">${data.iommu.map(iommu =>
        html`<${Iommu} key=${iommu.id} iommu=${iommu} />`)}</ul>`}
  <p class="quiet">A filled badge is enabled by the guest; an outlined one is offered only.</p>
  ${data.qtree.map(bus => html`<${Bus} key=${bus.bus} bus=${bus} all=${data} />`)}`;
