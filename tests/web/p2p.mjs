// Has two browser pages call each other over our Socket.io. Reads its instructions as JSON from standard input, and prints what
// each side saw as a JSON list.
//
// { url, browser, room,                where, and which browser to start
//   sides: [{ user, token, transport }], who comes first, and who second
//   patienceMs }                       how long anything may take

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
