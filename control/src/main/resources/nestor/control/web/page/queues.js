// How full the queues in guest memory are, and what the IOMMUs' registers say.
import { html } from './html.js';
import { count, hex } from './format.js';

const Gauge = ({ queue }) => {
  const share = queue.enabled ? Math.min(1, queue.waiting / queue.size) : 0;
  return html`
    <li class=${'gauge' + (queue.error ? ' bad' : '') + (queue.enabled ? '' : ' off')}>
      <div class="title"><b>${queue.queue}</b></div>
      <div class="bar" role="meter" aria-label=${`${queue.of} ${queue.queue}`}
          aria-valuemin="0" aria-valuemax=${queue.size} aria-valuenow=${queue.waiting}>
        <div style=${{ width: `${share * 100}%` }}></div>
      </div>
      <div>${queue.enabled ? `${count(queue.waiting)} of ${count(queue.size)} waiting` : 'disabled'}</div>
      ${queue.enabled && html`<div class="quiet">producer ${count(queue.producer)},
        consumer ${count(queue.consumer)}</div>`}
      ${queue.error && html`<div class="error">${queue.error}</div>`}
    </li>`;
};

const Registers = ({ iommu }) => html`
  <details>
    <summary>Registers of ${iommu.id}</summary>
    <table>
      <tbody>${Object.entries(iommu.registers).map(([name, value]) => html`
        <tr key=${name}><th scope="row">${name}</th><td><code>${hex(value)}</code></td></tr>`)}
      </tbody>
    </table>
  </details>`;

export const topics = ['queues', 'iommu'];

export const Queues = ({ data }) => html`
  <h2>Queues</h2>
  ${data.queues.length === 0
    ? html`<p>No device of this machine has a queue in guest memory.</p>`
    : [...new Set(data.queues.map(queue => queue.of))].map(of => html`
        <section key=${of}><h3>${of}</h3>
          <ul class="gauges">${data.queues.filter(queue => queue.of === of).map(queue =>
            html`<${Gauge} key=${queue.queue} queue=${queue} />`)}</ul></section>`)}
  ${data.iommu.filter(iommu => Object.keys(iommu.registers).length > 0).map(iommu =>
    html`<${Registers} key=${iommu.id} iommu=${iommu} />`)}`;
