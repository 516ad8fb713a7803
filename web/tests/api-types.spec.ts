// The types of the client are made from the document of the vault that serves these screens.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

import { expect, test } from '@playwright/test';

import { state } from './state';

test('the types of the client are those of this vault', () => {
  const web = resolve(import.meta.dirname, '..');
  const done = spawnSync('node', [join(web, 'scripts/api.mjs'), '--check'], {
    env: { ...process.env, VAULT: state().url },
    encoding: 'utf8',
  });
  expect(done.stderr).toBe('');
  expect(done.status).toBe(0);
});
