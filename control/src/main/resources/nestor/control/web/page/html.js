// Templates: what a page shows, as a function of what it knows.
import { h, render, Component } from './vendor/preact.mjs';
import htm from './vendor/htm.mjs';

export const html = htm.bind(h);
export { render, Component };
