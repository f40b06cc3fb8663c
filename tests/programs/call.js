// Calls a URL as any program does, by the library that is named, and prints the status and the body.
'use strict';
const [url, library] = process.argv.slice(2);

function told(error) {
  console.error(error.code, error.message, error.cause || '');
  process.exitCode = 1;
}

if (library === 'fetch') {
  fetch(url)
    .then(async (reply) => console.log(reply.status, await reply.text()))
    .catch(told);
} else {
  require(new URL(url).protocol.slice(0, -1)).get(url, (reply) => {
    let body = '';
    reply.on('data', (chunk) => { body += chunk; });
    reply.on('end', () => console.log(reply.statusCode, body));
    reply.on('error', told);
  }).on('error', told);
}
