// A testee: the Node libraries beneath the vendor's clients, and one that others published.
//
//     npm install @alicloud/openapi-client @alicloud/tea-util
//     rtcmpu check client -- node testee.js @alicloud/openapi-client
//
// They resolve to the whole reply; the testee reads the RequestId out of it, as a caller would.
'use strict';

const readline = require('readline');

const ACTION = 'StartMPUTask';
const VERSION = '2018-01-11';

// Flat names and values; lists count from 1, as the vendor's libraries count.
function spread(params) {
  const flat = {};
  const put = (name, value) => {
    if (Array.isArray(value)) value.forEach((item, at) => put(`${name}.${at + 1}`, item));
    else if (value !== null && typeof value === 'object') {
      for (const [part, each] of Object.entries(value)) put(`${name}.${part}`, each);
    } else flat[name] = value;
  };
  for (const [name, value] of Object.entries(params)) put(name, value);
  return flat;
}

const text = (flat) => Object.fromEntries(Object.entries(flat).map(([n, v]) => [n, String(v)]));

function settings({ endpoint, credentials }) {
  const url = new URL(endpoint);
  return {
    accessKeyId: credentials.access_key_id,
    accessKeySecret: credentials.access_key_secret,
    securityToken: credentials.security_token || undefined,
    endpoint: url.host,
    protocol: url.protocol.replace(':', ''),
    regionId: 'cn-hangzhou',
  };
}

function operation(question) {
  return {
    action: ACTION, version: VERSION, protocol: settings(question).protocol, pathname: '/',
    method: 'POST', authType: 'AK', style: 'RPC', reqBodyType: 'json', bodyType: 'json',
  };
}

const LIBRARIES = {
  '@alicloud/openapi-client': async (question, options) => {
    const sdk = require('@alicloud/openapi-client');
    const { RuntimeOptions } = require('@alicloud/tea-util');
    const more = options.has('--hmac-sha1') ? { signatureAlgorithm: 'v2' } : {};
    const client = new sdk.default(new sdk.Config({ ...settings(question), ...more }));
    const limit = question.timeout * 1000;
    const reply = await client.callApi(
      new sdk.Params(operation(question)),
      new sdk.OpenApiRequest({ query: text(spread(question.params)) }),
      new RuntimeOptions({ readTimeout: limit, connectTimeout: limit }),
    );
    return reply.body.RequestId;
  },
  '@alicloud/openapi-core': async (question, options) => {
    const sdk = require('@alicloud/openapi-core');
    const { RuntimeOptions } = require('@darabonba/typescript');
    const more = options.has('--hmac-sha1') ? { signatureAlgorithm: 'v2' } : {};
    const { Config, Params, OpenApiRequest } = sdk.$OpenApiUtil;
    const client = new sdk.default(new Config({ ...settings(question), ...more }));
    const limit = question.timeout * 1000;
    const reply = await client.callApi(
      new Params(operation(question)),
      new OpenApiRequest({ query: text(spread(question.params)) }),
      new RuntimeOptions({ readTimeout: limit, connectTimeout: limit }),
    );
    return reply.body.RequestId;
  },
  '@alicloud/rpc-client': async (question) => {
    const sdk = require('@alicloud/rpc-client');
    const { RuntimeOptions } = require('@alicloud/tea-util');
    const client = new sdk.default(new sdk.Config(settings(question)));
    client._endpoint = settings(question).endpoint; // product clients made of it set it so
    const limit = question.timeout * 1000;
    const reply = await client.doRequest(
      ACTION, settings(question).protocol, 'POST', VERSION, 'AK', question.params, null,
      new RuntimeOptions({ readTimeout: limit, connectTimeout: limit }),
    );
    return reply.RequestId;
  },
  waliyun: async (question) => {
    const request = require('waliyun/src/request');
    const { endpoint, credentials, timeout, params } = question;
    const reply = await request(`${endpoint}/`, {
      Action: ACTION,
      Version: VERSION,
      Format: 'json',
      SignatureMethod: 'HMAC-SHA1',
      SignatureVersion: '1.0',
      AccessKeyId: credentials.access_key_id,
      AccessKeySecret: credentials.access_key_secret,
      ...(credentials.security_token ? { SecurityToken: credentials.security_token } : {}),
      ...spread(params),
    }, timeout * 1000);
    if (reply.Code) throw Object.assign(new Error(reply.Message), { data: reply });
    return reply.RequestId;
  },
};

function describe(error) {
  const reply = (error && error.data) || {};
  return {
    code: reply.Code || (error && error.data ? error.code : null) || null,
    message: String((error && error.message) || error),
    request_id: reply.RequestId || null,
  };
}

async function main([library, ...options]) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    const answer = { id: question.id };
    try {
      answer.request_id = await LIBRARIES[library](question, new Set(options));
    } catch (error) {
      answer.error = describe(error);
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

// Connections that a client keeps open must not keep the process alive.
main(process.argv.slice(2)).then(() => process.exit(0));
