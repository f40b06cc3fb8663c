// A testee: @alicloud/pop-core 1.8.0.
//
//     npm ci
//     rtcmpu check client -- node testee.js
'use strict';

const readline = require('readline');
const { RPCClient } = require('@alicloud/pop-core');

// Start one task; resolve to its RequestId, or reject with what the client rejects with.
async function start({ endpoint, credentials, timeout, params }) {
  const client = new RPCClient({
    endpoint,
    apiVersion: '2018-01-11',
    accessKeyId: credentials.access_key_id,
    accessKeySecret: credentials.access_key_secret,
    securityToken: credentials.security_token || undefined,
  });
  const reply = await client.request('StartMPUTask', params, { timeout: timeout * 1000 });
  return reply.RequestId;
}

// The reply itself stands in error.data. Without one, error.code is the network's (ECONNRESET).
function describe(error) {
  const reply = error.data || {};
  return {
    code: reply.Code || null,
    message: String(error.message),
    request_id: reply.RequestId || null,
    http_status: reply.Code && error.entry ? error.entry.response.statusCode : null,
  };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    const answer = { id: question.id };
    try {
      answer.request_id = await start(question);
    } catch (error) {
      answer.error = describe(error);
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

// Connections that the client keeps open must not keep the process alive.
main().then(() => process.exit(0));
