// What every test of the screens watches: no error in the console, nothing that the content security
// policy refused, nothing that axe finds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';

import { PEOPLE, SCREENS, state, type Person } from './state';

export { expect, PEOPLE };
export type Locale = 'nl-NL' | 'en-GB';
export const LOCALES: readonly Locale[] = ['nl-NL', 'en-GB'];

interface Watched {
  /** Answers that a test asks for on purpose; the browser writes each into its console. */
  refusals: Set<number>;
}

export const test = base.extend<Watched>({
  baseURL: async ({}, use) => use(state().url),
  refusals: async ({}, use) => use(new Set()),
  page: async ({ page, refusals }, use) => {
    const wrong: string[] = [];
    page.on('pageerror', (error) => wrong.push(error.stack ?? error.message));
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      const status = Number(/status of (\d+)/.exec(message.text())?.[1]);
      if (!refusals.has(status)) wrong.push(`${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const { origin } = new URL(request.url());
      if (origin !== state().url && !request.url().startsWith('blob:'))
        wrong.push(`asked ${origin}`);
    });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});

/** Signs somebody in at an address, in the language of the browser. */
export async function signIn(page: Page, person: Person, at = '/'): Promise<void> {
  await page.goto(at);
  await page.locator('input[autocomplete="username"]').fill(person.name);
  await page.locator('input[type="password"]').fill(person.password);
  await page.locator('form button[type="submit"]').click();
  await expect(page.locator('main#main')).toBeVisible();
}

/** Looks at the page as it is now: with axe, light and dark, and keeps pictures of both widths. */
export async function look(page: Page, name: string): Promise<void> {
  const size = page.viewportSize();
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: join(SCREENS, `${name}-${width}.png`), fullPage: true });
    await axe(page);
    const wider = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wider, `${name} does not fit ${width} px`).toBeLessThanOrEqual(0);
  }
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: join(SCREENS, `${name}-dark-390.png`) });
  await axe(page);
  await page.emulateMedia({ colorScheme: 'light' });
  if (size) await page.setViewportSize(size);
}

async function axe(page: Page): Promise<void> {
  // Colours that are still changing are no colours.
  await page.waitForFunction(() =>
    document.getAnimations().every((one) => one.playState !== 'running'),
  );
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const found = violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
  expect(found).toEqual([]);
}

/** Sends a spoken call that ended so many seconds ago, as a PBX does. */
export async function send(
  file: string,
  secondsAgo: number,
  fields: Record<string, string> = {},
): Promise<string> {
  const { url, speech, ingest } = state();
  const form = new FormData();
  const ended = new Date(Date.now() - secondsAgo * 1000).toISOString();
  const all = { class: 'support', direction: 'inbound', ended_at: ended, agent: 'test', ...fields };
  for (const [name, value] of Object.entries(all)) form.set(name, value);
  form.set('call_id', crypto.randomUUID());
  form.set('audio', new Blob([readFileSync(join(speech, file))]), file);
  const headers = { Authorization: `Bearer ${ingest}` };
  const answer = await fetch(`${url}/v1/recordings`, { method: 'POST', headers, body: form });
  const body = (await answer.json()) as { id: string };
  expect(answer.status, JSON.stringify(body)).toBe(201);
  return body.id;
}

/** Ninety days in seconds: how long a support recording is kept. */
export const TERM = 90 * 86_400;

/** What the privacy officer does to a recording. */
export async function asOfficer(path: string, body: object): Promise<void> {
  const { url, compliance } = state();
  const headers = {
    Authorization: `Bearer ${compliance}`,
    'Content-Type': 'application/json',
  };
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(answer.ok, await answer.text()).toBe(true);
}

/** Where the sound is, by the browser's own clock of it. */
export async function heard(page: Page): Promise<{ at: number; paused: boolean; source: boolean }> {
  return page.evaluate(() => {
    const media = (window as unknown as { callvaultMedia?: HTMLAudioElement }).callvaultMedia;
    if (!media) throw new Error('nothing was ever played');
    return { at: media.currentTime, paused: media.paused, source: media.hasAttribute('src') };
  });
}

/** Lets {@link heard} see the audio element, which is in no document. */
export async function listenIn(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const load = HTMLMediaElement.prototype.addEventListener;
    HTMLMediaElement.prototype.addEventListener = function (
      this: HTMLMediaElement,
      ...args: Parameters<typeof load>
    ) {
      if (this instanceof HTMLAudioElement) {
        (window as unknown as { callvaultMedia: HTMLAudioElement }).callvaultMedia = this;
      }
      return load.apply(this, args);
    } as typeof load;
  });
}
