// Drives one browser through one call. Reads its instructions as JSON from standard input (tokens have no place on a
// command line), and prints what the browser saw and heard as JSON.
//
// { url, token, browser,      where to join, as whom, and which browser to start
//   key,                      of the end-to-end encryption; null without
//   toneHz, say, videoCodec,  what to send, and in which codec; null is the SDK's default
//   width, watchMs,           how wide a picture to wait for, and how long to watch it
//   patienceMs,               how long anything may take
//   attempts: ["screen_share"] sources to publish from whatever the token says
//   stay,                     in the call until the other side has left
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
