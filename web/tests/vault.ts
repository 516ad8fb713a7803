// Starts the vault that was built on a fresh folder, filled with the spoken calls of the demo and with
// people who can sign in; ends it afterwards.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

import { PEOPLE, STATE, type Person, type State } from './state';

const root = resolve(import.meta.dirname, '../..');
const binary = process.env.VAULT_BINARY ?? join(root, 'target/debug/callvault');
const folder = join(root, 'target/web');
const data = join(folder, 'data');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export default async function start(): Promise<() => Promise<void>> {
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    ...process.env,
    CALLVAULT_DATA_DIR: data,
    CALLVAULT_HTTP__LISTEN: `127.0.0.1:${port}`,
    // The eraser comes by often, so that a test need not wait for it.
    CALLVAULT_RETENTION__ERASER_INTERVAL: 'PT5S',
  };
  const config = ['--config', join(root, 'config/demo.toml')];
  const run = (args: string[], input?: string): string => {
    const done = spawnSync(binary, [...config, ...args], {
      cwd: root,
      env,
      input,
      encoding: 'utf8',
    });
    if (done.status !== 0)
      throw new Error(`callvault ${args.join(' ')}: ${done.error ?? done.stderr}`);
    return done.stdout.trim();
  };

  run(['keyring', 'init']);
  run(['migrate']);
  const speech = join(root, 'target/demo-speech');
  const made = spawnSync(join(root, 'scripts/demo-speech.sh'), [speech], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`demo-speech.sh: ${made.stderr}`);
  run(['demo', '--speech', speech]);
  for (const { name, password, role, customer } of Object.values<Person>(PEOPLE)) {
    const of = customer ? ['--customer', customer] : [];
    run(['account', 'add', name, '--role', role, ...of], `${password}\n`);
  }
  const token = (role: string) =>
    run(['token', 'create', '--role', role, '--name', `test ${role}`]);
  const state: State = {
    url,
    speech,
    ingest: token('ingest'),
    compliance: token('compliance'),
  };
  writeFileSync(STATE, JSON.stringify(state), { mode: 0o600 });

  const log = openSync(join(folder, 'vault.log'), 'w');
  const vault = spawn(binary, [...config, 'serve'], {
    cwd: root,
    env,
    stdio: ['ignore', log, log],
  });
  const ended = new Promise<void>((done) => vault.once('exit', () => done()));
  for (let tries = 0; ; tries += 1) {
    if (vault.exitCode !== null) throw new Error(`the vault ended: see ${folder}/vault.log`);
    if (
      await fetch(`${url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      break;
    if (tries > 200) throw new Error(`the vault is not ready: see ${folder}/vault.log`);
    await new Promise((done) => setTimeout(done, 100));
  }
  return async () => {
    vault.kill('SIGTERM');
    await ended;
  };
}
