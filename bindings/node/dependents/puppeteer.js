// Chromium's DevTools protocol: 3 MB of text in both directions, a screenshot, a redirect.
'use strict';

const { createServer } = require('http');
const { execFileSync } = require('child_process');

const { assert, leaveOut, listen, load, run, within } = require('./program');

const { default: puppeteer } = load('puppeteer-core');

/** The first Chromium that there is; its distribution's placeholder does not run. */
function findBrowser() {
  for (const name of ['chromium-headless-shell', 'chromium']) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next one.
    }
  }
  return leaveOut('there is no Chromium: scripts/setup-browser installs one');
}

async function use(browser, origin) {
  const page = await within('a page', browser.newPage());
  const bindings = [];
  await page.exposeFunction('report', (text) => bindings.push(text));
  await page.goto(origin);
  assert.strictEqual(await page.title(), 'a page');

  const text = 'ü'.repeat(500_000) + 'x'.repeat(2_000_000);
  const length = await within('3 MB to the page', page.evaluate((given) => given.length, text));
  assert.strictEqual(length, text.length);
  const back = await within('3 MB from the page', page.evaluate(() => 'ü'.repeat(1_500_000)));
  assert.strictEqual(back, 'ü'.repeat(1_500_000));

  const many = Array.from({ length: 300 }, (_, i) => page.evaluate((n) => n * 2, i));
  (await within('300 calls', Promise.all(many))).forEach((n, i) => assert.strictEqual(n, 2 * i));
  await page.evaluate(() => globalThis.report('called from the page'));
  assert.deepStrictEqual(bindings, ['called from the page']);

  const picture = await within('a screenshot', page.screenshot({ type: 'png' }));
  assert.strictEqual(Buffer.from(picture.subarray(1, 4)).toString(), 'PNG');
  await page.close();
}

async function main() {
  const executablePath = findBrowser();
  const http = createServer((req, res) => {
    if (req.url !== '/away') {
      res.setHeader('Content-Type', 'text/html');
      return res.end('<title>a page</title><h1>A page</h1>');
    }
  });
  const origin = `http://127.0.0.1:${await listen(http)}`;
  const browser = await within(
    'a browser',
    puppeteer.launch({ args: ['--no-sandbox'], executablePath, headless: 'shell' }),
    40_000
  );

  try {
    await use(browser, origin);

    http.on('upgrade', (req, socket) => {
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${browser.wsEndpoint()}\r\n\r\n`);
    });
    const again = await within(
      'a connection after a redirect',
      puppeteer.connect({ browserWSEndpoint: `${origin.replace('http', 'ws')}/away` })
    );
    await use(again, origin);
    await again.disconnect();
  } finally {
    await browser.close();
  }
}

run(main);
