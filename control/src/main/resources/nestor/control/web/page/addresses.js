// The guest-physical address space, by address.
import { html } from './html.js';
import { hex, size } from './format.js';

const kind = name =>
  name.startsWith('ram') ? 'ram' : / BAR\d$/.test(name) ? 'device' : 'board';

// Lengths by their logarithm: a page and a gigabyte are both to be seen.
const length = bytes => `${Math.max(1, Math.log2(Number(bytes)) / 3)}em`;

export const topics = ['mtree'];

const last = range => hex(BigInt(range.address) + BigInt(range.size) - 1n, 10);

export const Addresses = ({ data }) => html`
  <h2>Guest-physical address space</h2>
  <table class="addresses">
    <thead><tr><th scope="col">First</th><th scope="col">Last</th><th scope="col">Size</th>
      <th scope="col">What answers</th></tr></thead>
    <tbody>${data.mtree.map(range => html`
      <tr key=${hex(range.address) + range.name}>
        <td><code>${hex(range.address, 10)}</code></td>
        <td><code>${last(range)}</code></td>
        <td class="number">${size(range.size)}</td>
        <td><span class=${'range ' + kind(range.name)} style=${{ width: length(range.size) }}></span>
          ${range.name}</td>
      </tr>`)}</tbody>
  </table>
  <p class="quiet"><span class="range ram key"></span> memory
    <span class="range board key"></span> the board
    <span class="range device key"></span> devices' BARs; bars are as long as the logarithm of the size.
    What is at no line is answered with all ones.</p>`;
