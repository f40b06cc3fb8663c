// Calls with a published client: a line of JSON for each call to make, a line of what came of it.
//
//     node raises.js LIBRARY URL
//
// In: {"params": {…}, "timeout": milliseconds}. Out: {"request_id": …} or {"error": …, "code": …}.
'use strict';

const readline = require('readline');

const [library, url] = process.argv.slice(2);
const key = { accessKeyId: 'testid', accessKeySecret: 'testsecret' };

const starts = {
  '@alicloud/pop-core': async ({ params, timeout }) => {
    const { RPCClient } = require('@alicloud/pop-core');
    const client = new RPCClient({ ...key, endpoint: url, apiVersion: '2018-01-11' });
    return client.request('StartMPUTask', params, { method: 'POST', timeout });
  },
  '@alicloud/openapi-client': async ({ params, timeout }) => {
    const sdk = require('@alicloud/openapi-client');
    const { RuntimeOptions } = require('@alicloud/tea-util');
    const { host } = new URL(url);
    const client = new sdk.default(new sdk.Config({ ...key, endpoint: host, protocol: 'http' }));
    const reply = await client.callApi(
      new sdk.Params({
        action: 'StartMPUTask', version: '2018-01-11', protocol: 'http', pathname: '/',
        method: 'POST', authType: 'AK', style: 'RPC', reqBodyType: 'json', bodyType: 'json',
      }),
      new sdk.OpenApiRequest({ query: params }),
      new RuntimeOptions({ readTimeout: timeout, connectTimeout: timeout }),
    );
    return reply.body;
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let came;
    try {
      const reply = await starts[library](JSON.parse(line));
      came = { request_id: (reply && reply.RequestId) || null };
    } catch (error) {
      came = { error: error.constructor.name, name: error.name, code: error.code || null };
    }
    process.stdout.write(`${JSON.stringify(came)}\n`);
  }
}

// Connections that a client keeps open must not keep the process alive.
main().then(() => process.exit(0));
