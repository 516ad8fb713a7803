import './app.css';

import { mount } from 'svelte';

import { startLanguage } from '$lib/i18n.svelte';
import { theme } from '$lib/theme.svelte';
import App from './App.svelte';

// A click that asks for a new tab or window is the browser's, not the router's.
addEventListener(
  'click',
  (event) => {
    const link = (event.target as Element | null)?.closest?.('a');
    if (link && (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)) {
      event.stopImmediatePropagation();
    }
  },
  { capture: true },
);

theme.start();
const target = document.getElementById('app');
await startLanguage();
if (target) mount(App, { target });
