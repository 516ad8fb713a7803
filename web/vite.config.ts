import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/**
 * wavesurfer.js writes a `<style>` element into its shadow root, which a strict content security
 * policy refuses. The same rules become a constructed style sheet, which it allows.
 */
function adoptedStyles(): Plugin {
  const inline = /(\w+)\.innerHTML=`(?:\\n|\s)*<style\$\{.*?:""\}>(.*?)<\/style>/s;
  return {
    name: 'adopted-styles',
    transform(code, id) {
      if (!id.endsWith('/wavesurfer.esm.js')) return null;
      if (!inline.test(code)) throw new Error('wavesurfer.js has other styles now: look again');
      return code.replace(
        inline,
        (_, root: string, rules: string) =>
          `(s=>{s.replaceSync(\`${rules}\`);${root}.adoptedStyleSheets=[s]})(new CSSStyleSheet),` +
          `${root}.innerHTML=\``,
      );
    },
  };
}

const vault = process.env.VAULT ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), adoptedStyles()],
  resolve: {
    alias: {
      $lib: fileURLToPath(new URL('src/lib', import.meta.url)),
      $src: fileURLToPath(new URL('src', import.meta.url)),
    },
  },
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    // Fonts and pictures as files: a data: address is none of our own origin.
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': vault, '/docs': vault } },
});
