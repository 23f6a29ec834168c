// Questions and answers over one WebSocket, which is opened again when it is lost.

const FIRST_RETRY_MILLIS = 500;
const MAX_RETRY_MILLIS = 8000;

export class Connection {
  constructor(onState) {
    this.onState = onState;
    this.onBatch = () => {}; // of {events, dropped, counts}
    this.waiting = new Map();
    this.lastId = 0;
    this.retryMillis = FIRST_RETRY_MILLIS;
    this.open();
  }

  open() {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    this.socket = socket;
    socket.onopen = () => {
      this.retryMillis = FIRST_RETRY_MILLIS;
      this.onState(true);
    };
    socket.onmessage = message => this.receive(JSON.parse(message.data));
    socket.onclose = () => {
      this.waiting.forEach(question => question.reject(new Error('the connection is lost')));
      this.waiting.clear();
      this.onState(false);
      setTimeout(() => this.open(), this.retryMillis);
      this.retryMillis = Math.min(this.retryMillis * 2, MAX_RETRY_MILLIS);
    };
  }

  receive(message) {
    if (message.events) {
      this.onBatch(message);
      return;
    }
    const question = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!question) {
      return;
    }
    if (message.error) {
      question.reject(new Error(message.error));
    } else {
      question.resolve(message);
    }
  }

  ask(question) {
    if (this.socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error('not connected'));
    }
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, ...question }));
    });
  }
}
