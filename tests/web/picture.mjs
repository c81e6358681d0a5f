// Publishes a video file as a browser's camera. Reads { url, token, browser, video, codec, kbps } as a line of JSON,
// prints "publishing", and stays until its input ends.

import { createInterface } from 'node:readline';
import { withPage } from './browser.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const options = JSON.parse((await lines.next()).value);
const flags = [`--use-file-for-fake-video-capture=${options.video}`];
const publish = async (run) => {
  await run('publish', options.url, options.token, options.codec, options.kbps);
  console.log('publishing');
  await lines.next();
};
await withPage(options.browser, '/picture.js', publish, { flags });
