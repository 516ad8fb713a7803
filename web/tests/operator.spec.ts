// What an operator does: makes a token that is shown once and revokes it, adds a customer, looks at the
// health of the vault; and meets no recording anywhere.
import { expect, LOCALES, look, PEOPLE, signIn, test } from './fixtures';

const WORDS = {
  'nl-NL': {
    new: 'Token maken',
    name: 'Naam',
    make: 'Maken',
    close: 'Sluiten',
    revoke: 'intrekken',
    sure: 'Intrekken',
    revoked: 'Het token is ingetrokken.',
    add: 'Klant toevoegen',
    reference: 'Referentie',
    health: 'Gezondheid',
    checks: 'Bevindingen van de dokter',
    accounts: 'Accounts',
    recordings: 'Opnamen',
  },
  'en-GB': {
    new: 'Make a token',
    name: 'Name',
    make: 'Make',
    close: 'Close',
    revoke: 'Revoke token',
    sure: 'Revoke',
    revoked: 'The token has been revoked.',
    add: 'Add a customer',
    reference: 'Reference',
    health: 'Health',
    checks: 'What the doctor finds',
    accounts: 'Accounts',
    recordings: 'Recordings',
  },
};

for (const locale of LOCALES) {
  const words = WORDS[locale];
  test.describe(locale, () => {
    test.use({ locale });

    test('a token is shown once and revoked', async ({ page }) => {
      await signIn(page, PEOPLE.operator, '/sources');
      await page.getByRole('button', { name: words.new }).first().click();
      const dialog = page.getByRole('dialog');
      const name = `pbx-${locale.slice(0, 2)}`;
      await dialog.getByRole('textbox', { name: words.name }).fill(name);
      await look(page, `token-new-${locale}`);
      await dialog.getByRole('button', { name: words.make, exact: true }).click();
      await expect(dialog.locator('input[readonly]')).toHaveValue(/^[\w-]{43}$/);
      await dialog.getByRole('button', { name: words.close }).click();
      await expect(page.locator('input[readonly]')).toHaveCount(0);
      const row = page.getByRole('row').filter({ hasText: name }).last();
      await row.getByRole('button', { name: words.revoke }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: words.sure }).click();
      await expect(page.getByText(words.revoked)).toBeVisible();
      await look(page, `sources-${locale}`);
    });

    test('a customer is added and found', async ({ page }) => {
      await signIn(page, PEOPLE.operator, '/customers');
      await page.getByRole('button', { name: words.add }).click();
      const dialog = page.getByRole('dialog');
      const name = `Smederij ${locale.slice(0, 2)}`;
      await dialog.getByRole('textbox', { name: words.name }).fill(name);
      await dialog
        .getByRole('textbox', { name: words.reference })
        .fill(`smid-${locale.slice(0, 2)}`);
      await dialog.getByRole('button', { name: words.add }).click();
      await expect(dialog).toBeHidden();
      await look(page, `customers-${locale}`);
      await page.getByRole('link', { name }).click();
      await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
      await look(page, `customer-${locale}`);
    });

    test('the vault tells how it does, and nothing of a call', async ({ page }) => {
      await signIn(page, PEOPLE.operator);
      await expect(page.getByRole('heading', { name: words.health, level: 1 })).toBeVisible();
      await expect(page.getByRole('heading', { name: words.checks })).toBeVisible();
      await expect(page.getByRole('link', { name: words.recordings, exact: true })).toHaveCount(0);
      await look(page, `health-${locale}`);
      await page.goto('/accounts');
      await expect(page.getByRole('heading', { name: words.accounts, level: 1 })).toBeVisible();
      await look(page, `accounts-${locale}`);
    });
  });
}
