// Measures one web client in one call. Reads { url, token, tuned, browser, window, seconds } as JSON from standard input;
// prints its figures and the cost of the whole browser as JSON.

import { readFile, readdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { withPage } from './browser.mjs';

/** Ticks per second of /proc's clock, the same on all desktop platforms. */
const TICKS = 100;
/** Measured seconds at the end, as in the native client. */
const WINDOW_SECONDS = 10;

/** Returns CPU time in seconds and memory in MiB of this process's descendants: the browser. */
async function cost() {
  const processes = new Map();
  for (const id of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => undefined);
    if (!stat) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    processes.set(id, { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  const isBelow = (id) => {
    for (let at = processes.get(id)?.parent; at; at = processes.get(at)?.parent) if (at === process.pid) return true;
    return false;
  };
  let [ticks, kib] = [0, 0];
  for (const [id, { ticks: own }] of processes) {
    if (!isBelow(id)) continue;
    const rollup = await readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => '');
    ticks += own;
    kib += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return { seconds: ticks / TICKS, mib: kib / 1024 };
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

const options = JSON.parse(await text(process.stdin));
const measure = async (run) => {
  await run('join', options.url, options.token, options.tuned);
  await sleep(options.seconds - WINDOW_SECONDS);
  await run('reset');
  const [before, started] = [await cost(), performance.now()];
  await sleep(WINDOW_SECONDS);
  const [figures, after] = [await run('figures'), await cost()];
  const seconds = (performance.now() - started) / 1000;
  return {
    ...figures,
    cpu_percent: (100 * (after.seconds - before.seconds)) / seconds,
    pss_mib: after.mib,
  };
};
console.log(JSON.stringify(await withPage(options.browser, '/bench.js', measure, { window: options.window })));
