// The frame around the views: which one is shown, and asking for what it shows.
import { html, render, Component } from './html.js';
import { Connection } from './connection.js';
import { count } from './format.js';
import { Topology, topics as topologyTopics } from './topology.js';
import { Timeline, topics as timelineTopics } from './timeline.js';
import { Walk, topics as walkTopics } from './walk.js';
import { Queues, topics as queueTopics } from './queues.js';
import { Addresses, topics as addressTopics } from './addresses.js';

const PERIOD_MILLIS = 500;

const PAGES = {
  topology: { title: 'Topology', view: Topology, topics: topologyTopics },
  timeline: { title: 'Timeline', view: Timeline, topics: timelineTopics },
  walk: { title: 'Walk', view: Walk, topics: walkTopics },
  queues: { title: 'Queues', view: Queues, topics: queueTopics },
  addresses: { title: 'Addresses', view: Addresses, topics: addressTopics },
};

// The view that the address names, and what follows it there: #view/more/more.
const chosen = () => {
  const [page, ...place] = location.hash.slice(1).split('/').map(decodeURIComponent);
  return page in PAGES ? { page, place } : { page: 'topology', place: [] };
};

class App extends Component {
  state = { open: null, ...chosen(), data: {}, problem: '' };

  componentDidMount() {
    this.connection = new Connection(open => this.opened(open));
    addEventListener('hashchange', () => this.show(chosen()));
    document.title = `${PAGES[this.state.page].title} · Nestor`;
    this.tick();
  }

  opened(open) {
    this.setState({ open });
    this.ask();
  }

  show({ page, place }) {
    this.setState({ page, place });
    document.title = `${PAGES[page].title} · Nestor`;
    this.ask();
  }

  tick() {
    this.ask();
    setTimeout(() => this.tick(), PERIOD_MILLIS);
  }

  // Asks for what is shown, unless the last answer has not come yet.
  async ask() {
    if (this.state.open && !document.hidden && !this.asking) {
      this.asking = true;
      const topics = ['status', 'version', ...PAGES[this.state.page].topics];
      try {
        const answer = await this.connection.ask({ views: topics });
        this.setState(({ data }) => ({ data: { ...data, ...answer.views }, problem: '' }));
      } catch (error) {
        this.setState({ problem: error.message });
      }
      this.asking = false;
    }
  }

  render(_, { open, page, place, data, problem }) {
    const { view, topics } = PAGES[page];
    const status = data.status;
    return html`
      <header>
        <h1>Nestor</h1>
        <nav aria-label="Views">${Object.entries(PAGES).map(([name, one]) => html`
          <a key=${name} href=${'#' + name} aria-current=${name === page ? 'page' : null}>${one.title}</a>`)}
        </nav>
        <div class="status" role="status">
          <span class=${'dot ' + (open === false ? 'lost' : status ? status.status : '')}></span>
          ${open ? (status ? status.status : 'asking') : open === false ? 'not connected' : 'connecting'}
          ${status && status.instructions > 0 && html`
            <span class="quiet" id="instructions">${count(status.instructions)} instructions</span>`}
        </div>
      </header>
      ${open === false && html`<p class="banner">The machine does not answer. If it has ended, this page shows
        what was last to be seen; it goes on by itself if the machine comes back under this address.</p>`}
      ${problem && open && html`<p class="banner">${problem}</p>`}
      <main tabindex="-1">${topics.every(topic => topic in data)
        ? html`<${view} data=${data} connection=${this.connection} open=${open} place=${place} />`
        : html`<p class="quiet">Asking the machine …</p>`}</main>`;
  }
}

render(html`<${App} />`, document.getElementById('app'));
