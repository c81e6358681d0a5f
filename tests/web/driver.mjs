// Drives one browser through one call. Reads its instructions as JSON from standard input (tokens have no place on a
// command line), and prints what the browser saw and heard as JSON.
//
// { url, token, browser,      where to join, as whom, and which browser to start
//   toneHz, say,              what to send
//   width, watchMs,           how wide a picture to wait for, and how long to watch it
//   patienceMs,               how long anything may take
//   attempts: ["screen_share"] sources to publish from whatever the token says
// }
// It stays in the call until the other side has left.

import { createServer } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGES = {
  '/': { file: here('peer.html'), type: 'text/html' },
  '/peer.js': { file: here('peer.js'), type: 'text/javascript' },
  '/livekit-client.js': { file: here('node_modules/livekit-client/dist/livekit-client.umd.js'), type: 'text/javascript' },
};

/** Serves the page on a free port: cameras and microphones need an origin, which a file has not. */
async function serve() {
  const server = createServer(async (request, response) => {
    const page = PAGES[request.url];
    if (!page) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': page.type }).end(await readFile(page.file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function call(page, options) {
  const run = (name, ...parameters) =>
    page.evaluate(([name, parameters]) => globalThis.peer[name](...parameters), [name, parameters]);
  const result = { joined: await run('join', options.url, options.token) };
  result.published = await run('publish', options.toneHz);
  result.video = await run('watch', options.width, options.watchMs, options.patienceMs);
  result.audio = await run('listen', options.patienceMs);
  await run('say', options.say);
  result.chat = await run('heardChat', options.patienceMs);
  result.attempts = {};
  for (const source of options.attempts) {
    result.attempts[source] = await run('tryToPublish', source, options.patienceMs);
  }
  await run('stay', options.patienceMs);
  await run('leave');
  return result;
}

const options = JSON.parse(await text(process.stdin));
const server = await serve();
const profile = await mkdtemp(join(tmpdir(), 'browser-peer-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: options.browser,
  headless: true,
  args: [
    '--no-sandbox', // CI runs as root
    '--use-fake-device-for-media-stream=fps=30',
    '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
    '--allow-loopback-in-peer-connection', // the SFU may be on a machine without any other network
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost', // and none is asked for anything
  ],
});
try {
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.on('pageerror', (error) => console.error(`page: ${error.stack}`));
  if (process.env.PEER_LOG) page.on('console', (message) => console.error(`console: ${message.text()}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => globalThis.peer);
  console.log(JSON.stringify(await call(page, options)));
} finally {
  await browser.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}
