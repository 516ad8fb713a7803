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
  '/retention': () => import('./customer/retention/Retention.svelte'),
  '/retention/change': () => import('./customer/retention/Change.svelte'),
  '/holds': () => import('./holds/Holds.svelte'),
  '/leaving': () => import('./customer/leaving/Leaving.svelte'),
  '/compliance': () => import('./compliance/Summary.svelte'),
  '/erasures': () => import('./compliance/erasures/Erasures.svelte'),
  '/erasures/:id': () => import('./compliance/erasures/Erasure.svelte'),
  '/check': () => import('./compliance/check/Check.svelte'),
  '/approvals': () => import('./compliance/Approvals.svelte'),
  '/accesses': () => import('./compliance/Accesses.svelte'),
  '/policy-changes': () => import('./compliance/PolicyChanges.svelte'),
  '/register': () => import('./compliance/Register.svelte'),
  '/health': () => import('./operator/Health.svelte'),
  '/customers': () => import('./operator/customers/Customers.svelte'),
  '/customers/:ref': () => import('./operator/customers/Customer.svelte'),
  '/sources': () => import('./operator/sources/Sources.svelte'),
  '/accounts': () => import('./operator/accounts/Accounts.svelte'),
  '/account': () => import('./account/Account.svelte'),
  '/sessions': () => import('./account/Sessions.svelte'),
  '*notfound': NotFound,
});
