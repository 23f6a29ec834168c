// What each function sends and gets, as it happens. The machine tells about once in a second.
import { html, Component } from './html.js';
import { count, ridText } from './format.js';

const KINDS = [
  { kind: 'DMA', title: 'memory requests', color: '--accent' },
  { kind: 'ATS', title: 'translation requests', color: '--good' },
  { kind: 'PRI', title: 'page requests and responses', color: '--violet' },
  { kind: 'INV', title: 'invalidations', color: '--warm' },
  { kind: 'FAULT', title: 'faults', color: '--bad' },
];

const kindOf = name =>
  name.startsWith('dma_') ? 'DMA'
    : name === 'ats_translation_request' ? 'ATS'
    : name.startsWith('pri_') ? 'PRI'
    : /record_event|fault|error/.test(name) ? 'FAULT' : 'INV';

const KEPT = 6000;
const LISTED = 25;
const ROW_PIXELS = 13;
const WINDOWS = [2, 10, 60];
const NO_FUNCTION = -1;

const draw = (canvas, events, end, seconds) => {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = KINDS.length * ROW_PIXELS * scale;
  const context = canvas.getContext('2d');
  const style = getComputedStyle(canvas);
  context.scale(scale, scale);
  KINDS.forEach(({ kind, color }, row) => {
    const y = row * ROW_PIXELS;
    context.fillStyle = style.getPropertyValue('--line');
    context.fillRect(0, y + ROW_PIXELS - 1, width, 1);
    context.fillStyle = style.getPropertyValue(color);
    for (const event of events) {
      if (event.kind === kind) {
        const x = width * (1 - (end - event.nanos) / (seconds * 1e9));
        if (x >= 0) {
          context.fillRect(x, y + 2, Math.max(1.5, width * event.duration / (seconds * 1e9)), ROW_PIXELS - 4);
        }
      }
    }
  });
};

class Lane extends Component {
  componentDidMount() { this.draw(); }
  componentDidUpdate() { this.draw(); }
  draw() { draw(this.canvas, this.props.events, this.props.end, this.props.seconds); }

  render({ name, place, events, totals }) {
    return html`
      <li class="lane">
        <div class="title"><b>${name}</b><code>${place}</code></div>
        <div class="rows">
          <ul class="legend">${KINDS.map(({ kind, title }) => html`
            <li key=${kind} title=${title}><span>${kind}</span>
              <span class="number">${totals[kind] ? count(totals[kind]) : ''}</span></li>`)}</ul>
          <canvas ref=${canvas => { this.canvas = canvas; }} role="img"
            aria-label=${`${name}: ${events.length} events`}></canvas>
        </div>
      </li>`;
  }
}

export class Timeline extends Component {
  state = { events: [], counts: [], dropped: 0, end: 0, seconds: 10, paused: false, only: '' };

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
    const fresh = batch.events.map(event => ({ ...event, kind: kindOf(event.name) }));
    this.setState(({ events, end }) => ({
      events: [...events, ...fresh].slice(-KEPT),
      end: Math.max(end, ...fresh.map(event => event.nanos)),
      counts: batch.counts,
      dropped: batch.dropped,
    }));
  }

  render({ data }, { events, counts, dropped, end, seconds, paused, only }) {
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
          dropped > 0 ? `, of which ${count(dropped)} came faster than this page takes them; the numbers count them all` : ''}</span>
      </div>
      ${rids.length === 0 ? html`<p class="quiet">Nothing has happened since this page looks.</p>` : null}
      <ul class="lanes">${rids.map(rid => html`
        <${Lane} key=${rid} name=${title(rid)} place=${rid === NO_FUNCTION ? '' : ridText(rid)}
          events=${events.filter(event => event.rid === rid)} totals=${totals(rid)}
          end=${end} seconds=${seconds} />`)}</ul>
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
              <td class=${'kind ' + event.kind}>${event.name}</td>
              <td><code>${Object.entries(event.fields).filter(([name]) => name !== 'rid')
                .map(([name, value]) => `${name}=${value}`).join(' ')}</code></td>
            </tr>`)}</tbody>
        </table>`}`;
  }
}

export const topics = ['pci'];
