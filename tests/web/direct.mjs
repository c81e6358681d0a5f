// Drives a browser through a peer-to-peer call. Reads lines of JSON from standard input, and answers each with one:
// first { browser, url, room, user, toneHz }, then [name, ...parameters] of a function of direct.js. The end of input ends it.

import { createInterface } from 'node:readline';
import { withPage } from './browser.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => {
  const { value, done } = await lines.next();
  return done ? undefined : JSON.parse(value);
};
const answer = (value) => console.log(JSON.stringify(value ?? null));

const { browser, url, room, user, toneHz } = await next();
await withPage(browser, '/direct.js', async (run) => {
  answer(await run('join', url, room, user, toneHz));
  for (let call = await next(); call; call = await next()) answer(await run(...call));
});
process.exit(0);
