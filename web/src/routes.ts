// Every page and its address. Pages are loaded when they are opened. Addresses that begin with /v1 and
// /docs are the API's.
import { createRouter } from 'sv-router';

import Home from './shell/Home.svelte';
import NotFound from './shell/NotFound.svelte';

export const { p, navigate, isActive, route, preload } = createRouter({
  '/': Home,
  '/recordings': () => import('./recordings/List.svelte'),
  '/recordings/:id': () => import('./recordings/Recording.svelte'),
  '/training-sets': () => import('./training/Sets.svelte'),
  '/training-sets/:id': () => import('./training/Set.svelte'),
  '/evidence': () => import('./evidence/Packages.svelte'),
  '/account': () => import('./account/Account.svelte'),
  '/sessions': () => import('./account/Sessions.svelte'),
  '*notfound': NotFound,
});
