// What an evidence reader does: a case first, then listening, muting and a package that a second
// person approves.
import { expect, heard, listenIn, look, PEOPLE, send, signIn, test } from './fixtures';

test.use({ locale: 'nl-NL' });

test('a case comes before the sound; a part is muted; a package needs a second person', async ({
  page,
  browser,
  baseURL,
}) => {
  await listenIn(page);
  const id = await send('support-delivery.wav', 900);
  await signIn(page, PEOPLE.evidence, `/recordings/${id}`);
  await expect(page.getByRole('heading', { name: 'Waarvoor wilt u luisteren?' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Afspelen' })).toHaveCount(0);
  await look(page, 'case');
  await page.getByRole('textbox', { name: 'Zaaknummer' }).fill('ZAAK-2026-11');
  await page.getByRole('button', { name: 'Beluisteren' }).click();
  await page.getByRole('button', { name: 'Afspelen' }).click();
  await expect.poll(async () => (await heard(page)).at).toBeGreaterThan(1);
  await page.keyboard.press('k');

  const slider = page.getByRole('slider', { name: 'Positie' });
  await slider.fill('2');
  await page.getByRole('button', { name: 'Begin hier' }).click();
  await slider.fill('4');
  await page.getByRole('button', { name: 'Einde hier' }).click();
  await page.getByRole('combobox', { name: 'Reden' }).selectOption('card_data');
  await page.getByRole('button', { name: 'Fragment dempen' }).click();
  await expect(page.getByText('0:02.0 – 0:04.0', { exact: true })).toBeVisible();
  await look(page, 'evidence');

  await page.getByRole('button', { name: 'Bewijspakket aanvragen' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Ontvanger', exact: true }).fill('Afdeling geschillen');
  const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
  await dialog.getByLabel('Door de ontvanger te vernietigen uiterlijk').fill(day);
  await look(page, 'ask-package');
  await dialog.getByRole('button', { name: 'Bewijspakket aanvragen' }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole('link', { name: 'Bewijspakketten' }).click();
  await expect(page.getByText('wacht op goedkeuring')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Goedkeuren' })).toHaveCount(0);
  await look(page, 'packages');

  const theirs = await browser.newContext({ baseURL: baseURL ?? '', locale: 'nl-NL' });
  const second = await theirs.newPage();
  await signIn(second, PEOPLE.second, '/evidence');
  await second.getByRole('button', { name: 'Goedkeuren' }).click();
  await second.getByRole('alertdialog').getByRole('button', { name: 'Goedkeuren' }).click();
  await expect(second.getByText('goedgekeurd', { exact: true })).toBeVisible();
  const download = second.waitForEvent('download');
  await second.getByRole('link', { name: 'Pakket ophalen' }).click();
  expect((await download).suggestedFilename()).toMatch(/\.zip$/);
  await theirs.close();
});
