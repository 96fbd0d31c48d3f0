// A certified OpenID provider on loopback, whose pages nobody has to click through.
//
// node server.mjs '{"port": …, "clients": […], "accounts": {"login": {claims}}}'
// Who signs in, the parameter login_hint of the request says; the cookie of the provider plays no part.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, clients, accounts, algorithm = 'RS256', groupsClaim = 'groups' } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

function newKey() {
  const [kind, options] = algorithm === 'ES256' ? ['ec', { namedCurve: 'P-256' }] : ['rsa', { modulusLength: 2048 }];
  const key = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' });
  return { ...key, use: 'sig', alg: algorithm, kid: `key-${Date.now()}-${Math.random().toString(36).slice(2)}` };
}

function made(keys) {
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({ id_token_signed_response_alg: algorithm, ...client })),
    jwks: { keys },
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', groupsClaim],
      email: ['email', 'email_verified'],
    },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['of the tests alone'] },
    pkce: { required: () => true },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'PS256', 'HS256'] },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
  });
  return provider;
}

let keys = [newKey()];
let provider = made(keys);

async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? params.login_hint;
  if (params.login_hint === 'nobody') {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'said no' });
  }
  const grant = new provider.Grant({ accountId: params.login_hint ?? accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = prompt.name === 'consent' ? { consent: { grantId: await grant.save() } } : {};
  const login = prompt.name === 'login' ? { login: { accountId: params.login_hint } } : {};
  return provider.interactionFinished(request, response, { ...login, ...consent }, { mergeWithLastSubmission: true });
}

createServer(async (request, response) => {
  try {
    if (request.url.startsWith('/interaction/')) return await interact(request, response);
    if (request.url === '/rotate') {
      keys = [newKey()];
      provider = made(keys);
      return response.end('{}');
    }
    if (request.url === '/accounts') {
      let body = '';
      for await (const piece of request) body += piece;
      Object.assign(accounts, JSON.parse(body));
      return response.end('{}');
    }
    return provider.callback()(request, response);
  } catch (error) {
    response.statusCode = 500;
    return response.end(String(error));
  }
}).listen(port, '127.0.0.1', () => console.log('listening'));
