// The last step of a build: fails when a first load needs more than 150 kB of compressed JavaScript.
import { readFile, rm } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const BUDGET = 150_000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'));

// What the page itself pulls in, plus one language and the heaviest page that can be opened first.
const size = async (files) => {
  let bytes = 0;
  for (const file of files) bytes += gzipSync(await readFile(new URL(file, dist))).length;
  return bytes;
};
const closure = (key, seen = new Set()) => {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
};
const files = (keys) => [...keys].map((key) => manifest[key].file).filter((f) => f.endsWith('.js'));

const first = closure('index.html');
const shell = await size(files(first));
let heaviest = 0;
let language = 0;
const opened = [...first].flatMap((key) => manifest[key].dynamicImports ?? []);
for (const key of opened) {
  const own = [...closure(key)].filter((file) => !first.has(file));
  const bytes = await size(files(own));
  if (key.includes('/messages/')) language = Math.max(language, bytes);
  else heaviest = Math.max(heaviest, bytes);
}
const total = shell + language + heaviest;
console.log(
  `first load: ${total} bytes of JavaScript (shell ${shell}, language ${language}, page ${heaviest})`,
);
if (total > BUDGET) {
  console.error(`that is more than ${BUDGET}`);
  process.exit(1);
}
// The list of the parts is no part of the screens.
await rm(new URL('.vite', dist), { recursive: true });
