// The two catalogues say the same things, and the pages use no message that is not there.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

const folder = join(import.meta.dirname, '../src/messages');

type Tree = { [name: string]: string | Tree };

function leaves(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [[path + name, value] as [string, string]]
      : leaves(value, `${path}${name}.`),
  );
}
function catalogue(language: string): Map<string, string> {
  const files = readdirSync(join(folder, language)).filter((file) => file.endsWith('.json'));
  const read = (file: string) =>
    JSON.parse(readFileSync(join(folder, language, file), 'utf8')) as Tree;
  return new Map(files.flatMap((file) => leaves(read(file))));
}
const blanks = (text: string) =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort();

test('Dutch and English have the same messages with the same blanks', () => {
  const [nl, en] = [catalogue('nl'), catalogue('en')];
  expect([...nl.keys()].sort()).toEqual([...en.keys()].sort());
  for (const [name, text] of nl) expect(blanks(en.get(name) ?? ''), name).toEqual(blanks(text));
});

test('no message is empty, and Dutch says u', () => {
  for (const [name, text] of catalogue('nl')) {
    expect(text.trim(), name).not.toBe('');
    expect(text, name).not.toMatch(/\b(je|jij|jouw|jou|prullenbak)\b/i);
  }
});
