// What a request would meet in its IOMMU: structures, tables, and what caches hold for it.
import { html, Component } from './html.js';
import { bdf, hex } from './format.js';

const Fields = ({ fields }) => html`
  <dl class="fields">${Object.entries(fields).map(([name, value]) => html`
    <div key=${name} class=${value === '0x0' ? 'zero' : ''}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

const Step = ({ step }) => html`
  <li class=${'step' + (step.errors.length > 0 ? ' bad' : '')}>
    <div class="title">
      <b>${step.name} <span class="quiet">${step.section}</span></b>
      <code>${step.ipa ? `IPA ${step.ipa}${step.gpa ? ' → ' : ''}` : ''}${step.gpa ?? ''}</code>
    </div>
    ${step.words.length > 0 && html`<details><summary class="quiet">${step.words.length}${' '}
      ${step.words.length === 1 ? 'doubleword' : 'doublewords'}</summary>
      <code>${step.words.join(' ')}</code></details>`}
    <${Fields} fields=${step.fields} />
    ${step.errors.map(error => html`<div class="error">${error}</div>`)}
    ${step.stage2 && html`<div class="nested"><h3>Stage 2 of its address</h3>
      <${Steps} steps=${step.stage2} /></div>`}
  </li>`;

const Steps = ({ steps }) => html`<ol class="steps">${steps.map((step, at) =>
  html`<${Step} key=${at} step=${step} />`)}</ol>`;

const Stage = ({ title, steps }) => steps.length === 0 ? null : html`
  <section><h3>${title}</h3><${Steps} steps=${steps} /></section>`;

const size = log2 => (log2 >= 64 ? 'all' : `2^${log2} bytes`);

const Result = ({ result }) => {
  switch (result.kind) {
    case 'mapped':
      return html`<p class="result mapped">→ <code>${result.output}</code>, ${size(result['size-log2'])}, ${result.granted}${result.ats ? html`; by ATS <code>${result.ats}</code>` : ''}</p>`;
    case 'untranslated':
      return html`<p class="result">passes untranslated: ${result.why}</p>`;
    default:
      return html`<p class="result refused">${result.fault} (${result.section})${
        result.detail ? `: ${result.detail}` : ''}</p>`;
  }
};

const Cached = ({ cached }) => html`
  <section><h3>What caches hold for it</h3>
    ${cached.length === 0 ? html`<p class="quiet">nothing</p>` : html`
      <ul class="cached">${cached.map((one, at) => html`
        <li key=${at} class=${'step' + (one.stale ? ' bad' : '')}><b>${one.cache}</b>
          ${one.output && html` <code>${one.iova} → ${one.output}</code>, ${size(one['size-log2'])}, ${one.access}`}
          ${one.stale && html`<div class="error">stale: ${one.stale}</div>`}</li>`)}</ul>`}
  </section>`;

// A walk as a link holds it, and what the page shows of it after #walk/.
export const link = (fn, pasid, iova) => `#walk/${fn}/${pasid ?? ''}/${iova}`;

export class Walk extends Component {
  state = { report: null, problem: '' };

  componentDidMount() { this.follow(); }
  componentDidUpdate(before) {
    if (before.place.join('/') !== this.props.place.join('/')) {
      this.follow();
    }
  }

  // What the address bar asks for.
  follow() {
    const [fn, pasid, iova] = this.props.place;
    if (iova) {
      this.ask(fn, pasid, iova);
    }
  }

  async ask(fn, pasid, iova) {
    const access = this.access?.value ?? 'read';
    const question = [fn, ...(pasid ? ['pasid', pasid] : []), access, iova].join(' ');
    try {
      const { walk } = await this.props.connection.ask({ walk: question });
      this.setState({ report: walk, problem: '' });
    } catch (error) {
      this.setState({ report: null, problem: error.message });
    }
  }

  submit(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const wanted = link(form.get('function'), form.get('pasid').trim(), form.get('iova').trim());
    if (wanted === location.hash) {
      this.follow(); // once more: the guest may have changed it
    } else {
      location.hash = wanted;
    }
  }

  render({ data, place }, { report, problem }) {
    const [fn, pasid, iova] = place;
    const covered = new Set(data.iommu.flatMap(iommu => iommu.translates));
    const functions = data.pci.filter(f => covered.has(f.id));
    return html`
      <h2>Walk explorer</h2>
      <form class="controls" onSubmit=${event => this.submit(event)}>
        <label>Function <select name="function">${functions.map(f => {
          const at = bdf(f.bus, f.slot, f.function);
          return html`<option key=${at} value=${at} selected=${at === fn}>${at} ${f.id}</option>`;
        })}</select></label>
        <label>PASID <input name="pasid" size="6" placeholder="none" defaultValue=${pasid ?? ''} key=${'p' + pasid} /></label>
        <label>Access <select name="access" ref=${select => { this.access = select; }}>
          <option>read</option><option>write</option><option>execute</option></select></label>
        <label>Address <input name="iova" size="20" placeholder="0x…" required defaultValue=${iova ?? ''} key=${'a' + iova} /></label>
        <button>Walk</button>
      </form>
      ${functions.length === 0 && html`<p>No function of this machine is behind an IOMMU.</p>`}
      ${problem && html`<p class="error">${problem}</p>`}
      ${!report && !problem && html`<p class="quiet">Give an address that a device uses; the timeline has
        some. Looking changes nothing: no flag, no fault, no cache.</p>`}
      ${report && html`
        <p class="quiet">${report.model}: ${report.function}${report.pasid !== undefined ? ` PASID ${hex(report.pasid)}` : ''}, ${report.access} of <code>${report.iova}</code></p>
        <${Result} result=${report.result} />
        <div class="walk">
          <div>
            <${Stage} title="Configuration" steps=${report.structures} />
            <${Stage} title="Stage 1" steps=${report.stage1} />
            <${Stage} title="Stage 2" steps=${report.stage2} />
          </div>
          <${Cached} cached=${report.cached} />
        </div>`}`;
  }
}

export const topics = ['pci', 'iommu'];
