// Serves the peer's page and opens it in a separate browser with a fake camera and no network but loopback.

import { createServer } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FILES = {
  '/livekit-client.js': here('node_modules/livekit-client/dist/livekit-client.umd.js'),
  '/e2ee-worker.js': here('node_modules/livekit-client/dist/livekit-client.e2ee.worker.js'),
  '/direct.js': here('direct.js'),
  '/peer.js': here('peer.js'),
  '/bench.js': here('bench.js'),
  '/picture.js': here('picture.js'),
  '/socket.io-client.js': here('node_modules/socket.io-client/dist/socket.io.min.js'),
  '/p2p.js': here('p2p.js'),
};
const page = (script) => `<!doctype html><meta charset="utf-8"><title>Browser peer</title>
<script src="/livekit-client.js"></script><script src="/socket.io-client.js"></script>
<script type="module" src="${script}"></script>`;

/** Serves a page with this script on a free port: cameras and microphones need an origin, which files lack. */
async function serve(script) {
  const server = createServer(async (request, response) => {
    if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page(script));
    } else if (FILES[request.url]) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(await readFile(FILES[request.url]));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A window without tabs and address, and the cheapest way to draw where there is no GPU. */
const windowFlags = ({ left, top, width, height }) => [
  '--app=about:blank',
  '--disable-gpu',
  `--window-position=${left},${top}`,
  `--window-size=${width},${height}`,
];

/** Like `withPages` for one page; `use` gets its function. */
export function withPage(executable, script, use, settings) {
  return withPages(executable, script, 1, ([run]) => use(run), settings);
}

/**
 * Opens `number` pages in `executable`, calls `use` with a list of functions that call each page's, and closes
 * everything. With a `window` ({ left, top, width, height }) the browser shows itself there; `flags` are added.
 */
export async function withPages(executable, script, number, use, { window, flags = [] } = {}) {
  const server = await serve(script);
  const profile = await mkdtemp(join(tmpdir(), 'browser-peer-'));
  try {
    const browser = await chromium.launchPersistentContext(profile, {
      executablePath: executable,
      headless: !window,
      viewport: window ? null : undefined,
      args: [
        ...(window ? windowFlags(window) : []),
        ...flags,
        '--no-sandbox', // CI runs as root
        '--use-fake-device-for-media-stream=fps=30',
        '--use-fake-ui-for-media-stream',
        '--autoplay-policy=no-user-gesture-required',
        '--allow-loopback-in-peer-connection', // the machine may have no other network
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost', // no other hosts are contacted
      ],
    });
    try {
      const runs = [];
      for (let i = 0; i < number; i++) {
        const page = browser.pages()[i] ?? (await browser.newPage());
        page.on('pageerror', (error) => console.error(`page: ${error.stack}`));
        if (process.env.PEER_LOG) page.on('console', (message) => console.error(`console: ${message.text()}`));
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        await page.waitForFunction(() => globalThis.peer);
        runs.push((name, ...parameters) =>
          page.evaluate(([name, parameters]) => globalThis.peer[name](...parameters), [name, parameters]),
        );
      }
      return await use(runs);
    } finally {
      await browser.close();
    }
  } finally {
    server.close();
    await rm(profile, { recursive: true, force: true });
  }
}
