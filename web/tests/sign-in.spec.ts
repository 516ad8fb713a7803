// Signing in and what one does with an account.
import { createHmac } from 'node:crypto';

import { expect, LOCALES, look, PEOPLE, signIn, test } from './fixtures';

const WORDS = {
  'nl-NL': {
    title: 'Aanmelden',
    wrong: 'Naam of wachtwoord klopt niet.',
    locked: /Te veel mislukte pogingen. Over \d+ minu/,
    recordings: 'Opnamen',
    out: 'Afmelden',
  },
  'en-GB': {
    title: 'Sign in',
    wrong: 'Name or password is wrong.',
    locked: /Too many failed attempts. You can try again in \d+ minute/,
    recordings: 'Recordings',
    out: 'Sign out',
  },
};

/** The code that an authenticator app shows (RFC 6238), `later` steps from now. */
function code(secret: string, later = 0): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(/[\s=]/g, '')]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? []);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const digest = createHmac('sha1', key).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

for (const locale of LOCALES) {
  const words = WORDS[locale];
  test.describe(locale, () => {
    test.use({ locale });

    test('who is not signed in sees the sign-in page at any address and goes on there', async ({
      page,
      refusals,
    }) => {
      await page.goto('/training-sets');
      await expect(page.getByRole('heading', { name: words.title })).toBeVisible();
      await expect(page.locator('html')).toHaveAttribute('lang', locale.slice(0, 2));
      await look(page, `sign-in-${locale}`);
      refusals.add(401);
      await page.locator('input[autocomplete="username"]').fill(PEOPLE.trainer.name);
      await page.locator('input[type="password"]').fill('niet het goede wachtwoord');
      await page.locator('form button[type="submit"]').click();
      await expect(page.getByRole('alert')).toContainText(words.wrong);
      await page.locator('input[type="password"]').fill(PEOPLE.trainer.password);
      await page.locator('form button[type="submit"]').click();
      await expect(page).toHaveURL('/training-sets');
      await expect(page.locator('main#main h1')).toBeVisible();
    });

    test('too many attempts say how long to wait', async ({ page, refusals }) => {
      refusals.add(401).add(429);
      await page.goto('/');
      const name = page.locator('input[autocomplete="username"]');
      for (let tries = 0; tries < 30; tries += 1) {
        await name.fill(`Niemand ${locale}`);
        await page.locator('input[type="password"]').fill(`fout wachtwoord ${tries}`);
        const answered = page.waitForResponse('**/v1/session');
        await page.locator('form button[type="submit"]').click();
        if ((await answered).status() === 429) break;
      }
      await expect(page.getByRole('alert')).toContainText(words.locked);
    });

    test('signing out ends it', async ({ page, refusals }) => {
      await signIn(page, PEOPLE.trainer);
      await expect(page.getByRole('heading', { level: 1, name: words.recordings })).toBeVisible();
      await page.getByRole('button', { name: PEOPLE.trainer.name }).click();
      await page.getByRole('menuitem', { name: words.out }).click();
      await expect(page.getByRole('heading', { name: words.title })).toBeVisible();
      refusals.add(401);
      const answer = await page.request.get('/v1/recordings');
      expect(answer.status()).toBe(401);
    });
  });
}

test.describe('in Dutch', () => {
  test.use({ locale: 'nl-NL' });

  test('a second step is switched on, asked for, and switched off', async ({ page, refusals }) => {
    await signIn(page, PEOPLE.careful, '/account');
    await page.getByRole('button', { name: 'Aanzetten' }).click();
    await expect(page.getByRole('img', { name: /QR-code/ })).toBeVisible();
    await look(page, 'account');
    const secret = (await page.locator('code').textContent()) ?? '';
    const field = page.getByLabel('Code uit de app');
    refusals.add(422);
    await field.fill('000000');
    await page.getByRole('button', { name: 'Bevestigen' }).click();
    await expect(page.getByText('Deze code klopt niet.')).toBeVisible();
    await field.fill(code(secret));
    await page.getByRole('button', { name: 'Bevestigen' }).click();
    await expect(page.getByText(/^Staat aan\./)).toBeVisible();

    await page.getByRole('button', { name: PEOPLE.careful.name }).click();
    await page.getByRole('menuitem', { name: 'Afmelden' }).click();
    refusals.add(401);
    await page.locator('input[autocomplete="username"]').fill(PEOPLE.careful.name);
    await page.locator('input[type="password"]').fill(PEOPLE.careful.password);
    await page.locator('form button[type="submit"]').click();
    await expect(page.getByRole('heading', { name: 'Tweede stap' })).toBeVisible();
    await look(page, 'second-step');
    // A code works once: the next one.
    await page.getByLabel('Code uit uw authenticator-app').fill(code(secret, 1));
    await page.locator('form button[type="submit"]').click();
    await expect(page.locator('main#main')).toBeVisible();
  });

  test('sessions are listed and ended', async ({ page, browser, baseURL }) => {
    const elsewhere = await browser.newContext({ baseURL: baseURL ?? '', locale: 'nl-NL' });
    await signIn(await elsewhere.newPage(), PEOPLE.colleague);
    await signIn(page, PEOPLE.colleague, '/sessions');
    await expect(page.getByText('Deze sessie')).toBeVisible();
    await look(page, 'sessions');
    const before = await page.getByRole('button', { name: 'Beëindigen' }).count();
    await page.getByRole('button', { name: 'Beëindigen' }).first().click();
    await expect(page.getByRole('button', { name: 'Beëindigen' })).toHaveCount(before - 1);
    const answer = await elsewhere.request.get('/v1/session');
    expect(answer.status()).toBe(401);
    await elsewhere.close();
  });

  test('a session that ends brings back the sign-in page, and then this page', async ({
    page,
    refusals,
  }) => {
    await signIn(page, PEOPLE.trainer, '/recordings');
    await expect(page.getByRole('main').getByRole('listitem').first()).toBeVisible();
    refusals.add(401);
    await page.context().clearCookies();
    await page.getByLabel('Zoek op').fill('willem');
    await expect(page.getByText('Uw sessie is afgelopen.')).toBeVisible();
    await page.locator('input[autocomplete="username"]').fill(PEOPLE.trainer.name);
    await page.locator('input[type="password"]').fill(PEOPLE.trainer.password);
    await page.locator('form button[type="submit"]').click();
    await expect(page).toHaveURL('/recordings?q=willem');
  });

  test('a password is changed', async ({ page, refusals }) => {
    await signIn(page, PEOPLE.second, '/account');
    await page.getByLabel('Huidig wachtwoord').fill(PEOPLE.second.password);
    await page.getByLabel('Nieuw wachtwoord', { exact: true }).fill('kort');
    await page.getByLabel('Nieuw wachtwoord nogmaals').fill('anders');
    await page.getByRole('button', { name: 'Wijzigen' }).click();
    await expect(page.getByText('Dit zijn minder dan 12 tekens.')).toBeVisible();
    await expect(page.getByText('Deze twee zijn niet gelijk.')).toBeVisible();
    refusals.add(422);
    const fresh = 'zilveren kano dertien kraai';
    await page.getByLabel('Huidig wachtwoord').fill('niet het huidige wachtwoord');
    await page.getByLabel('Nieuw wachtwoord', { exact: true }).fill(fresh);
    await page.getByLabel('Nieuw wachtwoord nogmaals').fill(fresh);
    await page.getByRole('button', { name: 'Wijzigen' }).click();
    await expect(page.getByText('Het huidige wachtwoord klopt niet.')).toBeVisible();
    await page.getByLabel('Huidig wachtwoord').fill(PEOPLE.second.password);
    await page.getByRole('button', { name: 'Wijzigen' }).click();
    await expect(page.getByText('Uw wachtwoord is gewijzigd.')).toBeVisible();
    // Back, for the other tests.
    await page.getByLabel('Huidig wachtwoord').fill(fresh);
    await page.getByLabel('Nieuw wachtwoord', { exact: true }).fill(PEOPLE.second.password);
    await page.getByLabel('Nieuw wachtwoord nogmaals').fill(PEOPLE.second.password);
    const changed = page.waitForResponse('**/v1/account/password');
    await page.getByRole('button', { name: 'Wijzigen' }).click();
    expect((await changed).status()).toBe(204);
  });
});
