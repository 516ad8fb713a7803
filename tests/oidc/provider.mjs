// A real OpenID provider for the tests: node provider.mjs PORT REDIRECT_URI.
// GET /as/NAME says who signs in next; nobody has to fill a form in.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const people = {
  tess: { name: 'Tess de Vries', groups: ['callvault-trainers'] },
  jan: { name: 'Jan Jansen', groups: ['acme-listeners'] },
  both: { name: 'Beide', groups: ['acme-listeners', 'globex-listeners'] },
  stranger: { name: 'Vreemd', groups: ['somebody-elses'] },
};
let next = 'tess';

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'callvault',
      client_secret: 'a secret: with/odd+letters',
      redirect_uris: [redirect],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  pkce: { required: () => true },
  cookies: { keys: ['for the tests alone'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});

const answer = provider.callback();
createServer(async (request, response) => {
  const as = /^\/as\/(\w+)$/.exec(request.url);
  if (as) {
    next = as[1];
    response.end();
  } else if (request.url.startsWith('/interaction/')) {
    const result = next === 'nobody' ? { error: 'access_denied' } : { login: { accountId: next } };
    await provider.interactionFinished(request, response, result);
  } else {
    answer(request, response);
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`listening ${issuer}`));
