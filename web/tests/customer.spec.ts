// What a customer's administrator does: sees the term, looks at what another would do, sets it, takes it
// back; places a hold that a second person releases.
import { expect, LOCALES, look, PEOPLE, signIn, test } from './fixtures';

const WORDS = {
  'nl-NL': {
    retention: 'Bewaartermijn',
    change: 'Termijn wijzigen',
    default: 'Bewaartermijn',
    preview: 'Gevolgen bekijken',
    would: 'Wat er zou gebeuren',
    reason: 'Reden',
    understood: /Ik begrijp dat/,
    set: 'Bewaartermijn vaststellen',
    left: /bedenktijd$/,
    back: 'Wijziging terugdraaien',
    undone: 'De wijziging is teruggedraaid.',
    place: 'Blokkade plaatsen',
    case: 'Zaaknummer',
    from: 'Vanaf',
    release: 'Blokkade opheffen',
    ask: 'Opheffen aanvragen',
    yours: /U vroeg dit zelf/,
    archive: 'Archief maken',
    download: 'Downloaden',
  },
  'en-GB': {
    retention: 'Retention period',
    change: 'Change the period',
    default: 'Retention period',
    preview: 'See what it means',
    would: 'What would happen',
    reason: 'Reason',
    understood: /I understand that/,
    set: 'Set the retention period',
    left: /left to take it back$/,
    back: 'Take the change back',
    undone: 'The change has been taken back.',
    place: 'Place a hold',
    case: 'Case number',
    from: 'From',
    release: 'Release the hold',
    ask: 'Ask for release',
    yours: /You asked for this yourself/,
    archive: 'Make the archive',
    download: 'Download',
  },
};

for (const locale of LOCALES) {
  const words = WORDS[locale];
  test.describe(locale, () => {
    test.use({ locale });

    test('a shorter term is looked at, set, and taken back in time', async ({ page }) => {
      await signIn(page, PEOPLE.admin, '/retention');
      await expect(page.getByRole('heading', { name: words.retention, level: 1 })).toBeVisible();
      await look(page, `retention-${locale}`);
      await page.getByRole('link', { name: words.change }).click();
      await page.getByRole('spinbutton', { name: words.default }).fill('1');
      await page.getByRole('button', { name: words.preview }).click();
      await expect(page.getByRole('heading', { name: words.would })).toBeVisible();
      await look(page, `retention-preview-${locale}`);
      await page.getByRole('textbox', { name: words.reason }).fill('Proef met een kortere termijn');
      const understood = page.getByRole('checkbox', { name: words.understood });
      if (await understood.count()) await understood.check();
      await page.getByRole('button', { name: words.set }).click();
      await expect(page.getByRole('timer')).toHaveText(words.left);
      await look(page, `retention-scheduled-${locale}`);
      await page.getByRole('button', { name: words.back }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: words.back }).click();
      await expect(page.getByText(words.undone)).toBeVisible();
      await expect(page.getByRole('timer')).toHaveCount(0);
    });

    test('a hold is placed; whoever asks for its release waits for somebody else', async ({
      page,
    }) => {
      await signIn(page, PEOPLE.admin, '/holds');
      await page.getByRole('button', { name: words.place }).click();
      const dialog = page.getByRole('dialog');
      const number = `ZAAK-${locale.slice(0, 2)}`;
      await dialog.getByRole('textbox', { name: words.case }).fill(number);
      await dialog.getByLabel(words.from, { exact: true }).fill('2026-01-01');
      await look(page, `hold-place-${locale}`);
      await dialog.getByRole('button', { name: words.place }).click();
      await expect(dialog).toBeHidden();
      const hold = page.getByRole('listitem').filter({ hasText: number });
      await expect(hold).toBeVisible();
      await hold.getByRole('button', { name: words.release }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: words.ask }).click();
      await expect(hold.getByText(words.yours)).toBeVisible();
      await look(page, `holds-${locale}`);
    });

    test('everything is taken along in one archive', async ({ page, refusals }) => {
      // No notice was given: there is no end of service yet.
      refusals.add(404);
      await signIn(page, PEOPLE.admin, '/leaving');
      await page.getByRole('textbox', { name: words.case }).fill('EXIT-1');
      await page.getByRole('button', { name: words.archive }).click();
      const link = page.getByRole('link', { name: words.download });
      await expect(link).toBeVisible({ timeout: 20_000 });
      await look(page, `export-${locale}`);
      const download = page.waitForEvent('download');
      await link.click();
      expect((await download).suggestedFilename()).toMatch(/\.zip$/);
    });
  });
}
