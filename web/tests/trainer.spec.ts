// What a trainer does all day, with real sound, in both languages.
import type { Page } from '@playwright/test';

import {
  asOfficer,
  expect,
  heard,
  listenIn,
  LOCALES,
  look,
  PEOPLE,
  send,
  signIn,
  TERM,
  test,
} from './fixtures';

const WORDS = {
  'nl-NL': {
    filters: 'Filters',
    queue: 'Wachtrij',
    found: 'opname gevonden',
    none: 'Geen opname past bij deze filters',
    clear: 'Filters leegmaken',
    due: /wordt gewist over \d+ dagen/,
    play: 'Afspelen',
    pause: 'Pauzeren',
    position: 'Positie',
    silence: 'Stiltes overslaan',
    party: 'Partij 1 dempen',
    loop: 'Herhalen',
    speed: 'Snelheid',
    save: 'Opslaan',
    saved: 'De notitie is opgeslagen.',
    edit: 'Bewerken',
    take: 'Weghalen',
    removed: 'De notitie is weggehaald.',
    tag: 'Label toevoegen',
    add: 'Toevoegen',
    untag: 'Label begroeting weghalen',
    toSet: 'Toevoegen aan een set',
    name: 'Naam van de set',
    sets: 'Trainingssets',
    down: 'Omlaag',
    moved: 'Nu op plaats 2 van 2.',
    change: 'Naam en delen',
    shared: 'Gedeeld met',
    by: 'Gedeeld door',
    shortcuts: 'Sneltoetsen',
  },
  'en-GB': {
    filters: 'Filters',
    queue: 'Queue',
    found: 'recording found',
    none: 'No recording fits these filters',
    clear: 'Clear the filters',
    due: /erased in \d+ days/,
    play: 'Play',
    pause: 'Pause',
    position: 'Position',
    silence: 'Skip silence',
    party: 'Mute party 1',
    loop: 'Repeat',
    speed: 'Speed',
    save: 'Save',
    saved: 'The note has been saved.',
    edit: 'Edit',
    take: 'Take away',
    removed: 'The note has been taken away.',
    tag: 'Add a tag',
    add: 'Add',
    untag: 'Take away tag begroeting',
    toSet: 'Add to a set',
    name: 'Name of the set',
    sets: 'Training sets',
    down: 'Down',
    moved: 'Now at place 2 of 2.',
    change: 'Name and sharing',
    shared: 'Shared with',
    by: 'Shared by',
    shortcuts: 'Shortcuts',
  },
};

/** Waits until the sound has come past a moment. */
async function past(page: Page, seconds: number): Promise<void> {
  await expect
    .poll(async () => (await heard(page)).at, { timeout: 15_000 })
    .toBeGreaterThan(seconds);
}

/** Takes the focus away from whatever has it, so that keys are the player's. */
async function blur(page: Page): Promise<void> {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
}

for (const locale of LOCALES) {
  const words = WORDS[locale];
  test.describe(locale, () => {
    test.use({ locale });

    test('recordings are found by filters that live in the address', async ({ page }) => {
      await signIn(page, PEOPLE.trainer, '/recordings');
      const rows = page.getByRole('main').getByRole('listitem');
      await expect(rows.first()).toBeVisible();
      await expect(page.getByText(words.due).first()).toBeVisible();
      // Numbers are masked.
      await expect(page.getByText(/^\+31•+\d{4}$/).first()).toBeVisible();
      await look(page, `recordings-${locale}`);
      await page.getByRole('button', { name: words.filters }).click();
      await page.getByRole('textbox', { name: words.queue }).fill('sales-nl');
      await expect(page).toHaveURL('/recordings?queue=sales-nl');
      await expect(rows).toHaveCount(1);
      await expect(page.getByRole('status').filter({ hasText: words.found })).toBeAttached();
      await page.reload();
      await expect(rows).toHaveCount(1);
      await rows.getByRole('link').click();
      await page.goBack();
      await expect(page).toHaveURL('/recordings?queue=sales-nl');
      await page.getByRole('textbox', { name: words.queue }).fill('bestaat niet');
      await expect(page.getByRole('heading', { name: words.none })).toBeVisible();
      await look(page, `none-found-${locale}`);
      await page.getByRole('button', { name: words.clear }).first().click();
      await expect(page).toHaveURL('/recordings');
      await expect(rows.first()).toBeVisible();
    });

    test('a recording plays, seeks, repeats and is left by keyboard alone', async ({ page }) => {
      await listenIn(page);
      const id = await send('support-delivery.wav', 3600, { queue: `keys-${locale}` });
      await signIn(page, PEOPLE.trainer, `/recordings/${id}`);
      await expect(page.locator('.wave canvas').first()).toBeAttached();
      await blur(page);
      await page.keyboard.press('Space');
      await expect(page.getByRole('button', { name: words.pause })).toBeVisible();
      await past(page, 1);
      await page.keyboard.press('ArrowRight');
      await past(page, 5.5);
      await page.keyboard.press('l');
      await past(page, 15);
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await expect.poll(async () => (await heard(page)).at).toBeLessThan(5);
      await page.keyboard.press('Space');
      await expect.poll(async () => (await heard(page)).paused).toBe(true);
      await page.keyboard.press('+');
      await expect(page.getByRole('combobox', { name: words.speed })).toHaveValue('1.25');
      await page.keyboard.press('s');
      await expect(page.getByRole('button', { name: words.silence })).toHaveAttribute(
        'aria-pressed',
        'true',
      );
      await page.keyboard.press('s');

      // A part from two to three seconds, repeated: it never comes past its end.
      const slider = page.getByRole('slider', { name: words.position });
      await slider.fill('2');
      await blur(page);
      await page.keyboard.press('[');
      await slider.fill('3');
      await blur(page);
      await page.keyboard.press(']');
      await page.keyboard.press('r');
      await page.keyboard.press('k');
      for (let looks = 0; looks < 8; looks += 1) {
        await page.waitForTimeout(250);
        const { at, paused } = await heard(page);
        expect(paused).toBe(false);
        expect(at).toBeLessThan(3.3);
        expect(at).toBeGreaterThan(1.8);
      }
      await page.keyboard.press('r');
      await page.keyboard.press('Escape');

      // One party is muted and the other still plays.
      await page.keyboard.press('1');
      await expect(page.getByRole('button', { name: words.party })).toHaveAttribute(
        'aria-pressed',
        'true',
      );
      const before = (await heard(page)).at;
      await past(page, before + 0.5);

      await page.keyboard.press('?');
      await expect(page.getByRole('dialog', { name: words.shortcuts })).toBeVisible();
      await look(page, `shortcuts-${locale}`);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toBeHidden();
    });

    test('notes, tags and a training set, shared with a colleague', async ({
      page,
      browser,
      baseURL,
    }) => {
      await listenIn(page);
      const first = await send('support-delivery.wav', 7200, { queue: `set-${locale}` });
      const other = await send('support-agreement.wav', 7300, { queue: `set-${locale}` });
      await signIn(page, PEOPLE.trainer, `/recordings/${first}`);
      const slider = page.getByRole('slider', { name: words.position });
      await expect(slider).toBeEnabled();
      await slider.fill('4');
      await blur(page);
      await page.keyboard.press('n');
      await page.getByRole('textbox', { name: /0:04/ }).fill('Noemt naam en bedrijf.');
      await page.keyboard.press('Control+Enter');
      await expect(page.getByText(words.saved)).toBeVisible();
      const note = page
        .getByRole('main')
        .getByRole('listitem')
        .filter({ hasText: 'Noemt naam en bedrijf.' });
      await expect(note).toContainText(PEOPLE.trainer.name);
      await slider.fill('10');
      await blur(page);
      await page.keyboard.press(',');
      await expect.poll(async () => Math.round((await heard(page)).at)).toBe(4);
      await note.getByRole('button', { name: words.edit }).click();
      await page.getByRole('textbox', { name: /0:04/ }).fill('Noemt naam, bedrijf en hulp.');
      await page.getByRole('button', { name: words.save }).click();
      await expect(page.getByText('Noemt naam, bedrijf en hulp.')).toBeVisible();

      await page.getByRole('textbox', { name: words.tag }).fill('begroeting');
      await page.keyboard.press('Enter');
      await expect(page.getByRole('button', { name: words.untag })).toBeVisible();
      await look(page, `recording-${locale}`);

      const set = `Begroeting ${locale}`;
      await page.getByRole('button', { name: words.toSet }).click();
      const dialog = page.getByRole('dialog');
      const choice = dialog.getByRole('combobox');
      if (await choice.isVisible()) await choice.selectOption('new');
      await dialog.getByRole('textbox', { name: words.name }).fill(set);
      await look(page, `add-to-set-${locale}`);
      await dialog.getByRole('button', { name: words.add }).click();
      await expect(dialog).toBeHidden();
      await page.goto(`/recordings/${other}`);
      await page.getByRole('button', { name: words.toSet }).click();
      await dialog.getByRole('combobox').selectOption(set);
      await dialog.getByRole('button', { name: words.add }).click();
      await expect(dialog).toBeHidden();

      await page.getByRole('link', { name: words.sets }).click();
      await expect(page.getByRole('link', { name: set })).toBeVisible();
      await look(page, `sets-${locale}`);
      await page.getByRole('link', { name: set }).click();
      const items = page.locator('[data-item]');
      await expect(items).toHaveCount(2);
      await look(page, `set-${locale}`);
      const top = await items.first().getAttribute('data-item');
      await items.first().getByRole('button', { name: words.down }).click();
      await expect(page.getByText(words.moved)).toBeAttached();
      await expect(items.nth(1)).toHaveAttribute('data-item', top ?? '');
      // And back, with the mouse.
      const grips = page.locator('.grip');
      await grips.nth(1).hover();
      await page.mouse.down();
      const to = await items.first().boundingBox();
      if (!to) throw new Error('there is no first item');
      await page.mouse.move(to.x + 20, to.y + 12, { steps: 12 });
      await page.waitForTimeout(300);
      const ordered = page.waitForResponse('**/order');
      await page.mouse.up();
      expect((await ordered).status()).toBe(204);
      await expect(items.first()).toHaveAttribute('data-item', top ?? '');
      await page.reload();
      await expect(items.first()).toHaveAttribute('data-item', top ?? '');

      await page.getByRole('button', { name: words.change }).click();
      await page.getByRole('checkbox', { name: PEOPLE.colleague.name }).check();
      await look(page, `share-${locale}`);
      await page.getByRole('button', { name: words.save }).click();
      await expect(page.getByText(`${words.shared} ${PEOPLE.colleague.name}`)).toBeVisible();
      const theirs = await browser.newContext({ baseURL: baseURL ?? '', locale });
      const colleague = await theirs.newPage();
      await signIn(colleague, PEOPLE.colleague, new URL(page.url()).pathname);
      await expect(colleague.getByText(`${words.by} ${PEOPLE.trainer.name}`)).toBeVisible();
      await expect(colleague.locator('[data-item]')).toHaveCount(2);
      await expect(colleague.getByRole('button', { name: words.down })).toHaveCount(0);
      await theirs.close();

      await page.goto(`/recordings/${first}`);
      await page.getByRole('button', { name: words.take, exact: true }).first().click();
      await page
        .getByRole('alertdialog')
        .getByRole('button', { name: words.take, exact: true })
        .click();
      await expect(page.getByText(words.removed)).toBeVisible();
    });
  });
}

test.describe('in Dutch', () => {
  test.use({ locale: 'nl-NL' });

  test('a recording that is due while it plays stops, and says so calmly', async ({ page }) => {
    await listenIn(page);
    const id = await send('support-delivery.wav', TERM - 14);
    await signIn(page, PEOPLE.trainer, `/recordings/${id}`);
    await expect(page.getByText(/wordt gewist over 1 minuut/)).toBeVisible();
    await page.getByRole('button', { name: 'Afspelen' }).click();
    await past(page, 1);
    await expect(page.getByText('Deze opname is er niet meer')).toBeVisible({ timeout: 20_000 });
    const { paused, source } = await heard(page);
    expect({ paused, source }).toEqual({ paused: true, source: false });
    await expect(page.getByText('Niemand kan haar meer beluisteren, ook wij niet.')).toBeVisible();
    await look(page, 'gone');
  });

  test('a recording that is restricted while it plays stops within seconds', async ({ page }) => {
    await listenIn(page);
    const id = await send('support-delivery.wav', 600);
    await signIn(page, PEOPLE.trainer, `/recordings/${id}`);
    await page.getByRole('button', { name: 'Afspelen' }).click();
    await past(page, 1);
    await asOfficer(`/v1/recordings/${id}/restriction`, { case: 'C-2026-7' });
    await expect(page.getByText('Deze opname is nu niet af te spelen')).toBeVisible({
      timeout: 12_000,
    });
    expect((await heard(page)).paused).toBe(true);
    await look(page, 'restricted');
  });

  test('a recording that was erased says when, and that nobody can hear it', async ({
    page,
    refusals,
  }) => {
    refusals.add(404).add(410);
    const id = await send('support-agreement.wav', 500);
    await asOfficer(`/v1/recordings/${id}/erasure`, { cause: 'request', case: 'C-2026-8' });
    await signIn(page, PEOPLE.trainer, `/recordings/${id}`);
    await expect(page.getByText('Deze opname is er niet meer')).toBeVisible();
    await look(page, 'erased');
  });

  test("somebody else's recording is not found, like one that never was", async ({
    page,
    refusals,
  }) => {
    refusals.add(404);
    const id = await send('support-agreement.wav', 400);
    await signIn(page, PEOPLE.listener, `/recordings/${id}`);
    await expect(page.getByRole('heading', { name: 'Deze opname bestaat niet' })).toBeVisible();
    await look(page, 'not-found');
    const theirs = await page.locator('main').innerText();
    await page.goto(`/recordings/${crypto.randomUUID()}`);
    await expect(page.getByRole('heading', { name: 'Deze opname bestaat niet' })).toBeVisible();
    expect(await page.locator('main').innerText()).toBe(theirs);
    await page.goto('/bestaat/niet');
    await expect(page.getByRole('heading', { name: 'Deze pagina bestaat niet' })).toBeVisible();
  });

  test('a page that is left alone asks nothing more of the vault', async ({ page }) => {
    await signIn(page, PEOPLE.trainer, '/recordings');
    await expect(page.getByRole('main').getByRole('listitem').first()).toBeVisible();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.waitForTimeout(2000);
    expect(asked).toEqual([]);
  });

  test('the first page is usable within a second', async ({ page }) => {
    await signIn(page, PEOPLE.trainer, '/recordings');
    await expect(page.getByRole('main').getByRole('listitem').first()).toBeVisible();
    const began = Date.now();
    await page.goto('/recordings', { waitUntil: 'commit' });
    await expect(page.getByRole('main').getByRole('listitem').first()).toBeVisible();
    const took = Date.now() - began;
    test.info().annotations.push({ type: 'measured', description: `usable after ${took} ms` });
    expect(took).toBeLessThan(1000);
  });
});
