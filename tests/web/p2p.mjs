// Connects two browser pages over the backend's Socket.io. Reads instructions as JSON from standard input, and prints the
// observations of both sides as a JSON list.
//
// { url, browser, room,                backend, browser to start, and room
//   sides: [{ user, token, transport }], first and second user
//   patienceMs }                       timeout of each step

import { text } from 'node:stream/consumers';
import { withPages } from './browser.mjs';

const { url, browser, room, sides, patienceMs } = JSON.parse(await text(process.stdin));
const seen = await withPages(browser, '/p2p.js', sides.length, async (runs) => {
  for (const [i, { user, token, transport }] of sides.entries()) {
    await runs[i]('join', url, transport, room, user, token, patienceMs);
  }
  const seen = await Promise.all(runs.map((run) => run('watch', patienceMs)));
  await Promise.all(runs.map((run) => run('leave')));
  return seen;
});
console.log(JSON.stringify(seen));
