// What each function sends and gets, as it happens. The machine tells about once in a second.
import { html, Component } from './html.js';
import { count, ridText } from './format.js';
import { link } from './walk.js';

const KINDS = [
  { kind: 'DMA', title: 'memory requests' },
  { kind: 'ATS', title: 'translation requests' },
  { kind: 'PRI', title: 'page requests and responses' },
  { kind: 'INV', title: 'invalidations' },
  { kind: 'FAULT', title: 'faults' },
];

const kindOf = name =>
  name.startsWith('dma_') ? 'DMA'
    : name === 'ats_translation_request' ? 'ATS'
    : name.startsWith('pri_') ? 'PRI'
    : /record_event|fault|error/.test(name) ? 'FAULT' : 'INV';

// Events that say which untranslated address they are about lead to its walk.
const walkable = event => event.rid >= 0 && event.fields.translated !== 'true' && /^0x/.test(event.fields.address ?? '');
const pasid = event => (Number(event.fields.pasid ?? -1) >= 0 ? event.fields.pasid : '');

const KEPT = 1000;
const LISTED = 25;
const ROW_PIXELS = 13;
const WINDOWS = [2, 10, 60];
const NO_FUNCTION = -1;

// Each row is a kind; the more happened in a slot of time, the fuller its colour.
const draw = (canvas, legend, lanes, end, slots) => {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = KINDS.length * ROW_PIXELS * scale;
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  const line = getComputedStyle(canvas).color;
  KINDS.forEach(({ kind }, row) => {
    const y = row * ROW_PIXELS;
    context.globalAlpha = 1;
    context.fillStyle = line;
    context.fillRect(0, y + ROW_PIXELS - 1, width, 1);
    context.fillStyle = getComputedStyle(legend.children[row]).color;
    const lane = lanes.get(kind) ?? new Map();
    const most = Math.log1p(Math.max(1, ...lane.values()));
    for (const [slot, number] of lane) {
      const x = width * (1 - (end - slot) / slots);
      if (x > -1) {
        context.globalAlpha = 0.3 + 0.7 * Math.log1p(number) / most;
        context.fillRect(x, y + 2, Math.max(2, width / slots), ROW_PIXELS - 4);
      }
    }
  });
};

class Lane extends Component {
  componentDidMount() { this.draw(); }
  componentDidUpdate() { this.draw(); }
  draw() { draw(this.canvas, this.legend, this.props.lanes, this.props.end, this.props.slots); }

  render({ name, place, totals }) {
    return html`
      <li class="lane">
        <div class="title"><b>${name}</b><code>${place}</code></div>
        <div class="rows">
          <ul class="legend" ref=${legend => { this.legend = legend; }}>${KINDS.map(({ kind, title }) => html`
            <li key=${kind} class=${'kind ' + kind} title=${title}><span>${kind}</span>
              <span class="number">${totals[kind] ? count(totals[kind]) : ''}</span></li>`)}</ul>
          <canvas ref=${canvas => { this.canvas = canvas; }} role="img"
            aria-label=${`${name}: ${Object.entries(totals).map(([kind, number]) => `${kind} ${number}`).join(', ')}`}></canvas>
        </div>
      </li>`;
  }
}

export class Timeline extends Component {
  state = { events: [], counts: [], dropped: 0, slotNanos: 5e7, seconds: 10, paused: false, only: '' };
  lanes = new Map(); // of each function: of each kind: how much in which slot
  last = 0; // slot of which the page has heard last, and when that was
  heard = 0;

  componentDidMount() {
    this.props.connection.onBatch = batch => this.take(batch);
    this.begin();
  }

  componentDidUpdate(before) {
    if (this.props.open && !before.open) {
      this.begin(); // the connection is a new one
    }
  }

  componentWillUnmount() {
    this.props.connection.onBatch = () => {};
    this.props.connection.ask({ timeline: false }).catch(() => {});
  }

  begin() {
    this.props.connection.ask({ timeline: true }).catch(() => {});
  }

  take(batch) {
    if (this.state.paused) {
      return;
    }
    for (const one of batch.counts) {
      this.count(one.rid, kindOf(one.name), one.name, one.slots);
    }
    this.setState(({ events }) => ({
      events: [...events, ...batch.events].slice(-KEPT),
      counts: batch.counts,
      dropped: batch.dropped,
      slotNanos: batch['slot-nanos'],
    }));
  }

  // Slots come as number, count, number, count; the last one of a name may come again, fuller.
  count(rid, kind, name, slots) {
    const lane = this.lane(rid, kind);
    for (let i = 0; i < slots.length; i += 2) {
      const slot = slots[i];
      const parts = lane.parts.get(slot) ?? new Map();
      parts.set(name, slots[i + 1]);
      lane.parts.set(slot, parts);
      lane.sums.set(slot, [...parts.values()].reduce((sum, part) => sum + part, 0));
      if (slot > this.last) {
        this.last = slot;
        this.heard = performance.now();
      }
    }
    const oldest = this.last - WINDOWS.at(-1) * 1e9 / this.state.slotNanos;
    for (const slot of lane.sums.keys()) {
      if (slot < oldest) {
        lane.sums.delete(slot);
        lane.parts.delete(slot);
      }
    }
  }

  lane(rid, kind) {
    const key = `${rid} ${kind}`;
    if (!this.lanes.has(key)) {
      this.lanes.set(key, { sums: new Map(), parts: new Map() });
    }
    return this.lanes.get(key);
  }

  render({ data }, { events, counts, dropped, slotNanos, seconds, paused, only }) {
    const end = this.last + (paused ? 0 : (performance.now() - this.heard) * 1e6 / slotNanos);
    const slots = seconds * 1e9 / slotNanos;
    const names = new Map(data.pci.map(f => [f.bus << 8 | f.slot << 3 | f.function, f.id]));
    const rids = [...new Set([...counts.map(one => one.rid)])].sort((a, b) => a - b);
    const title = rid => (rid === NO_FUNCTION ? 'IOMMU commands' : names.get(rid) ?? 'unknown');
    const totals = rid => {
      const sums = {};
      for (const one of counts) {
        if (one.rid === rid) {
          sums[kindOf(one.name)] = (sums[kindOf(one.name)] ?? 0) + one.count;
        }
      }
      return sums;
    };
    const listed = events.filter(event => only === '' || event.rid === Number(only))
      .slice(-LISTED).reverse();
    return html`
      <h2>Timeline</h2>
      <div class="controls">
        <button onClick=${() => this.setState({ paused: !paused })}>${paused ? 'Go on' : 'Pause'}</button>
        <label>Last <select value=${seconds}
            onChange=${event => this.setState({ seconds: Number(event.target.value) })}>
          ${WINDOWS.map(one => html`<option key=${one} value=${one}>${one} s</option>`)}
        </select></label>
        <span class="quiet" id="events">${count(counts.reduce((sum, one) => sum + one.count, 0))} events${
          dropped > 0 ? `, of which ${count(dropped)} came too fast to be listed` : ''}</span>
      </div>
      ${rids.length === 0 ? html`<p class="quiet">Nothing has happened since this page looks.</p>` : null}
      <ul class="lanes">${rids.map(rid => html`
        <${Lane} key=${rid} name=${title(rid)} place=${rid === NO_FUNCTION ? '' : ridText(rid)}
          lanes=${new Map(KINDS.map(({ kind }) => [kind, this.lane(rid, kind).sums]))}
          totals=${totals(rid)} end=${end} slots=${slots} />`)}</ul>
      ${events.length > 0 && html`
        <div class="controls"><label>Latest of <select value=${only}
            onChange=${event => this.setState({ only: event.target.value })}>
          <option value="">all</option>
          ${rids.map(rid => html`<option key=${rid} value=${rid}>${title(rid)}</option>`)}
        </select></label></div>
        <table class="events">
          <thead><tr><th scope="col">Time</th><th scope="col">Function</th><th scope="col">Event</th>
            <th scope="col">What</th></tr></thead>
          <tbody>${listed.map(event => html`
            <tr key=${`${event.nanos} ${event.name} ${event.rid}`}>
              <td class="number">${(event.nanos / 1e9).toFixed(6)} s</td>
              <td>${title(event.rid)}</td>
              <td class=${'kind ' + kindOf(event.name)}>${event.name}</td>
              <td><code>${Object.entries(event.fields).filter(([name]) => name !== 'rid')
                .map(([name, value]) => `${name}=${value}`).join(' ')}</code>
                ${walkable(event) && html` <a href=${link(ridText(event.rid), pasid(event), event.fields.address)}>walk</a>`}</td>
            </tr>`)}</tbody>
        </table>`}`;
  }
}

export const topics = ['pci'];
