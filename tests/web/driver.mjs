// Drives a browser through a call. Reads instructions as JSON from standard input (tokens must not be on a command
// line), and prints the browser's observations as JSON.
//
// { url, token, browser,      SFU, token, and browser to start
//   key,                      key of the end-to-end encryption; null without
//   toneHz, say, videoCodec,  tone, chat message and codec to send; a null codec is the SDK's default
//   width, watchMs,           picture width to wait for, and time to watch it
//   patienceMs,               timeout of each step
//   attempts: ["screen_share"] sources to publish regardless of the token
//   stay,                     whether to stay until the other side has left
// }

import { text } from 'node:stream/consumers';
import { withPage } from './browser.mjs';

async function call(run, options) {
  const result = { joined: await run('join', options.url, options.token, options.key) };
  result.published = await run('publish', options.toneHz, options.videoCodec ?? undefined);
  result.video = await run('watch', options.width, options.watchMs, options.patienceMs);
  result.audio = await run('listen', options.patienceMs);
  await run('say', options.say);
  result.chat = await run('heardChat', options.patienceMs);
  result.attempts = {};
  for (const source of options.attempts) {
    result.attempts[source] = await run('tryToPublish', source, options.patienceMs);
  }
  if (options.stay) await run('stay', options.patienceMs);
  await run('leave');
  return result;
}

const options = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await withPage(options.browser, '/peer.js', (run) => call(run, options))));
