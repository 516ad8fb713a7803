// What a privacy officer does: looks at the top line, finds an erasure, takes its proof along and checks
// it in the browser; and a proof that was tampered with is found out.
import { readFileSync } from 'node:fs';

import { asOfficer, expect, LOCALES, look, PEOPLE, send, signIn, test } from './fixtures';

const WORDS = {
  'nl-NL': {
    overdue: 'Te laat gewist',
    proof: 'Bewijs downloaden',
    story: 'Van aangenomen tot gewist',
    files: 'Bewijsbestanden',
    good: 'Alles klopt',
    part: 'Niet alles is gecontroleerd',
    wrong: 'Dit klopt niet',
    pages: {
      '/holds': 'Bewaarblokkades',
      '/approvals': 'Goedkeuringen',
      '/accesses': 'Toegang',
      '/policy-changes': 'Termijnwijzigingen',
      '/register': 'Verwerkingsregister',
    },
  },
  'en-GB': {
    overdue: 'Overdue',
    proof: 'Download proof',
    story: 'From accepted to erased',
    files: 'Proof files',
    good: 'Everything holds',
    part: 'Not everything was checked',
    wrong: 'This does not hold',
    pages: {
      '/holds': 'Holds',
      '/approvals': 'Approvals',
      '/accesses': 'Access',
      '/policy-changes': 'Policy changes',
      '/register': 'Register of processing',
    },
  },
};

for (const locale of LOCALES) {
  const words = WORDS[locale];
  test.describe(locale, () => {
    test.use({ locale });

    test('the top line answers at once', async ({ page }) => {
      await signIn(page, PEOPLE.officer, '/compliance');
      await expect(page.getByRole('listitem').filter({ hasText: words.overdue })).toContainText(
        '0',
      );
      await expect(page.locator('canvas').first()).toBeVisible();
      await look(page, `compliance-${locale}`);
    });

    test('an erasure is found, its proof is taken along and checked', async ({ page }) => {
      const id = await send('support-agreement.wav', 700);
      await asOfficer(`/v1/recordings/${id}/erasure`, { cause: 'request', case: 'C-2026-9' });
      await signIn(page, PEOPLE.officer, '/erasures?cause=request');
      await look(page, `erasures-${locale}`);
      await page.getByRole('link', { name: id.slice(0, 8) }).click();
      await expect(page.getByRole('heading', { name: words.story })).toBeVisible();
      await look(page, `erasure-${locale}`);
      const kept: string[] = [];
      const names: string[] = [];
      page.on('download', (download) => {
        names.push(download.suggestedFilename());
        void download.path().then((path) => kept.push(path));
      });
      await page.getByRole('button', { name: words.proof }).click();
      await expect.poll(() => kept.length, { timeout: 20_000 }).toBe(3);
      const files = names.map((name) => ({
        name,
        mimeType: 'text/plain',
        buffer: Buffer.from(''),
      }));
      const bodies = kept.map((path) => readFileSync(path));
      for (const file of files) {
        const own = bodies.find((body) =>
          file.name.endsWith('.json')
            ? body.toString().startsWith('{')
            : file.name.endsWith('.note')
              ? body.toString().startsWith('callvault.certificate/1')
              : body.toString().startsWith('c2sp.org/tlog-proof'),
        );
        if (!own) throw new Error(`nothing was kept as ${file.name}`);
        file.buffer = own;
      }

      await page.goto('/check');
      const [json] = files.filter(({ name }) => name.endsWith('.json'));
      if (!json) throw new Error('no certificate');
      await page.getByLabel(words.files, { exact: true }).setInputFiles([json]);
      await expect(page.getByText(words.part)).toBeVisible();
      await page.getByLabel(words.files, { exact: true }).setInputFiles(files);
      await expect(page.getByText(words.good)).toBeVisible();
      await look(page, `check-${locale}`);
      const changed = json.buffer.toString().replaceAll('C-2026-9', 'C-2026-8');
      await page
        .getByLabel(words.files, { exact: true })
        .setInputFiles([{ ...json, buffer: Buffer.from(changed) }]);
      await expect(page.getByText(words.wrong)).toBeVisible();
    });

    test('the other pages of oversight', async ({ page }) => {
      await signIn(page, PEOPLE.officer, '/compliance');
      for (const [address, title] of Object.entries(words.pages)) {
        await page.goto(address);
        await expect(page.getByRole('heading', { name: title, level: 1 })).toBeVisible();
        await look(page, `${address.slice(1)}-${locale}`);
      }
    });
  });
}
